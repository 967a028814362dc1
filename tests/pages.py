"""A client that refuses bad pages: whatever page a test fetches is also looked over."""

import re
from functools import lru_cache
from typing import Final

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse

_TOKEN: Final = re.compile(r'<input [^>]*name="csrf_token"[^>]* value="([^"]+)"')


class Pages:
    """A browser without a screen. It keeps cookies, follows nothing, and checks every page."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        """Fetch an address; a page must be a good one."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _checked(self.client.get(path, headers=named))

    def post(self, path: str, **fields: str) -> TestResponse:
        """Send the form of the page at this address, with its token."""
        # Nobody looks at this page: its token alone is wanted, and to parse it all takes long.
        token = _TOKEN.search(self.client.get(path).get_data(as_text=True))
        values = {"csrf_token": token[1]} if token is not None else {}
        return _checked(self.client.post(path, data=values | fields))


def soup(answer: TestResponse) -> BeautifulSoup:
    """Read a page. Whoever reads the same one again gets the same tree: nobody may change it."""
    return _parsed(answer.get_data(as_text=True))


@lru_cache(maxsize=8)
def _parsed(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def words(answer: TestResponse) -> str:
    """Return what a page says, with single spaces."""
    return " ".join(soup(answer).get_text(" ").split())


def _checked(answer: TestResponse) -> TestResponse:
    if answer.mimetype != "text/html" or answer.status_code in {301, 302, 303, 304}:
        return answer
    page = soup(answer)
    elements = page.find_all()  # once: a selector would go through the whole page each time
    ids = [element["id"] for element in elements if "id" in element.attrs]
    assert len(ids) == len(set(ids)), f"an id stands twice: {ids}"
    labelled = {element.get("for") for element in elements if element.name == "label"}
    for element in elements:
        is_inline = element.name == "style" or (
            element.name == "script" and "src" not in element.attrs
        )
        is_inline = is_inline or not element.attrs.keys().isdisjoint({"style", "onclick"})
        assert not is_inline, f"inline code or style: {element}"
        if element.name == "form" and element.get("method") == "post":
            assert element.get("action"), "a form must say where it goes"
            assert element.find("input", {"name": "csrf_token"}), "a form must carry its token"
        if element.name == "input" and element.get("type") != "hidden":
            assert element.get("id") in labelled, f"a field must have its label: {element}"
    if page.find("html") is not None:
        assert len(page.find_all("h1")) == 1, "a page has one heading"
        assert isinstance(page.title, Tag)
        assert page.title.get_text(strip=True), "a page has a title"
        assert page.find("main"), "a page has a main part"
    return answer
