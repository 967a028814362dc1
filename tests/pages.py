"""A client that refuses bad pages: whatever page a test fetches is also looked over."""

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse


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
        page = soup(self.client.get(path))
        token = page.select_one("input[name=csrf_token]")
        values = {"csrf_token": str(token["value"])} if token is not None else {}
        return _checked(self.client.post(path, data=values | fields))


def soup(answer: TestResponse) -> BeautifulSoup:
    """Read a page."""
    return BeautifulSoup(answer.get_data(as_text=True), "html.parser")


def words(answer: TestResponse) -> str:
    """Return what a page says, with single spaces."""
    return " ".join(soup(answer).get_text(" ").split())


def _checked(answer: TestResponse) -> TestResponse:
    if answer.mimetype != "text/html" or answer.status_code in {301, 302, 303, 304}:
        return answer
    page = soup(answer)
    ids = [element["id"] for element in page.select("[id]")]
    assert len(ids) == len(set(ids)), f"an id stands twice: {ids}"
    assert not page.select("script:not([src]), [style], style, [onclick]"), "inline code or style"
    for form in page.select("form[method=post]"):
        assert form.get("action"), "a form must say where it goes"
        assert form.select_one("input[name=csrf_token]"), "a form must carry its token"
    for field in page.select("input:not([type=hidden])"):
        assert page.select_one(f"label[for={field['id']}]"), "a field must have its label"
    if page.find("html") is not None:
        headings = page.select("h1")
        assert len(headings) == 1, "a page has one heading"
        assert isinstance(page.title, Tag)
        assert page.title.get_text(strip=True), "a page has a title"
        assert page.select_one("main"), "a page has a main part"
    return answer
