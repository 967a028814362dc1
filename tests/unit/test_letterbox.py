import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.test_mail_message import MESSAGE_ID, PDF, composed
from webapp.core.errors import NotFoundError
from webapp.mail import letterbox
from webapp.mail.transports import transport

FIRST = "20261101T090500.000000Z-msg-1.eml"
SECOND = "20261101T090501.000000Z-msg-2.eml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, tickets in ((FIRST, 1), (SECOND, 2)):
        (tmp_path / name).write_bytes(composed(tickets))
    os.utime(tmp_path / FIRST, (1_800_000_000, 1_800_000_000))
    return tmp_path


def test_the_newest_message_comes_first(folder: Path) -> None:
    newest, oldest = letterbox.heads(folder, limit=10)
    assert [newest.name, oldest.name] == [SECOND, FIRST]
    assert newest.subject == "Your 2 tickets for Winter concert"
    assert newest.to == "Zoë Müller-Łukasiewicz <zoe@xn--exmple-cua.de>"
    assert oldest.at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert oldest.size == (folder / FIRST).stat().st_size
    assert [head.name for head in letterbox.heads(folder, limit=1)] == [SECOND]


def test_what_the_transport_keeps_is_found(tmp_path: Path) -> None:
    with transport(tmp_path.as_uri()).open(1) as handover:
        handover.deliver(composed(1))
    (head,) = letterbox.heads(tmp_path, limit=10)
    assert dict(letterbox.message(tmp_path, head.name).headers)["Message-ID"] == MESSAGE_ID


def test_a_folder_that_nobody_has_made_is_empty(tmp_path: Path) -> None:
    assert letterbox.heads(tmp_path / "mail", limit=10) == []


def test_what_is_being_written_and_what_is_no_message_is_not_listed(folder: Path) -> None:
    (folder / ".x.eml.part").write_bytes(b"half")
    (folder / ".hidden.eml").write_bytes(b"hidden")
    (folder / "notes.txt").write_bytes(b"notes")
    assert len(letterbox.heads(folder, limit=10)) == 2


def test_a_message_is_taken_apart(folder: Path) -> None:
    message = letterbox.message(folder, SECOND)
    assert message.subject == "Your 2 tickets for Winter concert"
    assert "Thank you, Zoë" in message.text
    assert message.html.startswith("<!doctype html>")
    pictures = [part for part in message.parts if part.content_type == "image/png"]
    assert all(f"cid:{part.content_id}" in message.html for part in pictures)
    (printed,) = (part for part in message.parts if part.content_type == "application/pdf")
    assert (printed.filename, printed.content) == ("tickets.pdf", PDF)
    assert message.part(printed.number) == printed
    assert message.raw == (folder / SECOND).read_bytes()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secret.eml", "/etc/passwd", "sub/x.eml", ".x.eml", "no.eml", "x\0"]
)
def test_only_what_the_folder_lists_is_opened(folder: Path, name: str) -> None:
    (folder.parent / "secret.eml").write_bytes(b"Subject: secret\r\n\r\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.eml").write_bytes(b"Subject: secret\r\n\r\n")
    (folder / ".x.eml").write_bytes(b"Subject: secret\r\n\r\n")
    with pytest.raises(NotFoundError):
        letterbox.message(folder, name)


def test_there_are_only_the_parts_that_are_there(folder: Path) -> None:
    with pytest.raises(NotFoundError):
        letterbox.message(folder, FIRST).part(99)
