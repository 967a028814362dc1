import os
import re
import threading
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from webapp import mail
from webapp.core import clock
from webapp.mail import MailRefusedError, MailUnavailableError

SENDER = "tickets@pay.example"
BUYER = "buyer@example.org"


def letter(message_id: str = "<msg-1@pay.example>", size: int = 10) -> bytes:
    head = f"Subject: Tickets\r\nMessage-ID: {message_id}\r\n\r\n".encode()
    return head + b"x" * size + b"\r\n"


def put(folder: Path, message: bytes) -> None:
    with mail.transport(folder.as_uri()).open(5) as handover:
        handover.offer(SENDER, BUYER)
        handover.deliver(message)


def test_a_message_becomes_a_file_named_by_time_and_message_id(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "ma il"
    put(folder, letter())
    (file,) = folder.iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-msg-1@pay\.example\.eml", file.name)
    assert file.read_bytes() == letter()


def test_only_the_owner_can_read_what_was_sent(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    before = os.umask(0)
    try:
        put(folder, letter())
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_files_sort_by_the_time_that_people_see(tmp_path: Path) -> None:
    put(tmp_path, letter("<msg-b@pay.example>"))
    with clock.shifted(timedelta(hours=1)):
        put(tmp_path, letter("<msg-a@pay.example>"))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert [name.partition("-")[2] for name in names] == [
        "msg-b@pay.example.eml",
        "msg-a@pay.example.eml",
    ]


@pytest.mark.parametrize(
    "message_id", ["<../../etc/passwd@x>", "</tmp/evil@x>", "<a b@x>", "<" + "a" * 500 + "@x>", ""]
)
def test_a_strange_message_id_cannot_leave_the_folder(tmp_path: Path, message_id: str) -> None:
    folder = tmp_path / "mail"
    put(folder, letter(message_id))
    (file,) = folder.iterdir()
    assert file.suffix == ".eml"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_reader_never_sees_half_a_message(tmp_path: Path) -> None:
    written = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not written.is_set():
            seen.extend(file.stat().st_size for file in tmp_path.glob("*.eml"))

    reader = threading.Thread(target=read)
    reader.start()
    messages = [letter(f"<msg-{n}@pay.example>", size=3_000_000) for n in range(10)]
    for message in messages:
        put(tmp_path, message)
    written.set()
    reader.join()
    assert set(seen) <= {len(message) for message in messages}
    assert len(list(tmp_path.iterdir())) == 10


def test_nothing_is_written_before_the_message_is_handed_over(tmp_path: Path) -> None:
    with mail.transport(tmp_path.as_uri()).open(5) as handover:
        handover.offer(SENDER, BUYER)
        assert list(tmp_path.iterdir()) == []


def test_what_no_server_could_be_asked_is_refused_here_too(tmp_path: Path) -> None:
    with (
        mail.transport(tmp_path.as_uri()).open(5) as handover,
        pytest.raises(MailRefusedError, match="not an address"),
    ):
        handover.offer(SENDER, "nobody")


def test_a_folder_that_cannot_be_made_is_undelivered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MailUnavailableError, match="folder"):
        put(tmp_path / "file" / "mail", letter())


def test_a_folder_that_went_away_is_undelivered(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    with mail.transport(folder.as_uri()).open(5) as handover:
        folder.rmdir()
        with pytest.raises(MailUnavailableError, match="folder"):
            handover.deliver(letter())


def test_the_file_is_a_message_that_mail_programs_open(tmp_path: Path) -> None:
    put(tmp_path, letter())
    (file,) = tmp_path.iterdir()
    assert message_from_bytes(file.read_bytes())["Subject"] == "Tickets"
