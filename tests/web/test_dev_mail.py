from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from tests.domain.mailing import promised, send_due
from tests.factories import Factories
from tests.pages import Pages, soup, words
from tests.unit.test_mail_message import read
from webapp.config import Settings
from webapp.extensions import settings
from webapp.factory import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def pages(app: Flask, folder: Path) -> Pages:
    """A visitor of a development machine whose mail goes into the folder."""
    place: Settings = app.extensions["tillgate.settings"]
    development = {"environment": "development", "mail_url": folder.as_uri()}
    return Pages(create_app(Settings.model_validate(place.model_dump() | development)))


@pytest.fixture
def name(make: Factories, configure: object, folder: Path) -> str:
    """What the file of a message with two tickets for an event is called."""
    assert callable(configure)
    configure(mail_url=folder.as_uri())
    promised(make, ticket_count=2, event=make.event())
    assert send_due() == 1
    (file,) = folder.glob("*.eml")
    return file.name


def test_before_the_first_message_the_page_says_how_to_get_one(pages: Pages) -> None:
    answer = pages.get("/dev/mail")
    assert answer.status_code == 200
    assert "No mail yet" in words(answer)
    assert "Pay a payment link" in words(answer)


def test_a_message_is_listed_and_shown(pages: Pages, name: str, folder: Path) -> None:
    listed = pages.get("/dev/mail")
    assert "ada@example.org" in words(listed)
    (link,) = soup(listed).select("table a")
    assert link.get_text() == "Your 2 tickets for Evening"
    shown = pages.get(str(link["href"]))
    sent = read((folder / name).read_bytes())
    for fact in (sent["Message-ID"], "Auto-Submitted", "Hall 1", "event.ics", "tickets-ORD-"):
        assert fact in words(shown)
    # The plain text's link can be followed.
    assert soup(shown).select(f'pre a[href^="{settings.base_url}/tickets/"]')
    (frame,) = soup(shown).select("iframe")
    assert "allow-scripts" not in str(frame["sandbox"])
    assert "allow-same-origin" not in str(frame["sandbox"])
    assert str(frame["src"]) == f"/dev/mail/{name}/html"


def test_the_html_may_show_its_own_pictures_and_nothing_else(pages: Pages, name: str) -> None:
    answer = pages.client.get(f"/dev/mail/{name}/html")
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:;"
        " frame-ancestors 'self'"
    )
    images = soup(answer).select("img")
    assert len(images) == 2
    for image in images:
        picture = pages.client.get(str(image["src"]))
        assert (picture.status_code, picture.mimetype) == (200, "image/png")
        assert picture.data.startswith(b"\x89PNG")
    assert "cid:" not in answer.get_data(as_text=True)


def test_files_are_downloads_and_the_whole_message_is_one(
    pages: Pages, name: str, folder: Path
) -> None:
    links = {
        link.get_text(): str(link["href"])
        for link in soup(pages.get(f"/dev/mail/{name}")).select("ul a")
    }
    (printed,) = (href for text, href in links.items() if text.endswith(".pdf"))
    for href, kind in (
        (printed, "application/pdf"),
        (links["event.ics"], "text/calendar"),
        (links["The whole message"], "message/rfc822"),
    ):
        answer = pages.client.get(href)
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert answer.headers["Content-Disposition"].startswith("attachment")
    whole = pages.client.get(links["The whole message"])
    assert whole.data == (folder / name).read_bytes()


@pytest.mark.parametrize("name_", ["../secret.eml", "..", "no.eml", "/etc/passwd"])
@pytest.mark.parametrize("rest", ["", "/html", "/raw", "/parts/0"])
def test_only_what_the_folder_lists_is_opened(
    pages: Pages, folder: Path, name_: str, rest: str
) -> None:
    folder.mkdir()
    (folder.parent / "secret.eml").write_bytes(b"Subject: secret\r\n\r\nsecret")
    answer = pages.client.get(f"/dev/mail/{quote(name_, safe='')}{rest}")
    assert answer.status_code in {308, 404}
    assert b"secret" not in answer.data.replace(b"secret.eml", b"")


def test_a_message_without_html_and_without_subject_is_shown_as_text(
    pages: Pages, folder: Path
) -> None:
    folder.mkdir()
    (folder / "1.eml").write_bytes(b"To: a@b.example\r\n\r\n<b>Hello</b> https://pay.example/\r\n")
    assert "(no subject)" in words(pages.get("/dev/mail"))
    shown = pages.get("/dev/mail/1.eml")
    assert "<b>Hello</b>" in soup(shown).pre.get_text()  # type: ignore[union-attr]
    assert soup(shown).select("iframe") == []
    assert pages.get("/dev/mail/1.eml/html").status_code == 404
    assert pages.get("/dev/mail/1.eml/parts/1").status_code == 404
