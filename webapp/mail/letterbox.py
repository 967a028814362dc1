"""Reads the messages that a folder was given, for the page where a developer looks at them."""

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from webapp.core.errors import NotFoundError

_SUFFIX: Final = ".eml"


@dataclass(frozen=True)
class Head:
    """What a list tells of a message. `at` is when it was written here, `size` is in bytes."""

    name: str
    subject: str
    to: str
    at: datetime
    size: int


@dataclass(frozen=True)
class Part:
    """A file in a message: a picture that the HTML shows by its `content_id`, or an attachment."""

    number: int
    filename: str
    content_type: str
    content: bytes
    content_id: str


@dataclass(frozen=True)
class StoredMessage:
    """One message, taken apart."""

    name: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    parts: tuple[Part, ...]
    raw: bytes

    @property
    def subject(self) -> str:
        """What the message says it is about."""
        return dict(self.headers).get("Subject", "")

    def part(self, number: int) -> Part:
        """Return one of the files.

        Raises:
            NotFoundError: there is none of this number.
        """
        for part in self.parts:
            if part.number == number:
                return part
        raise NotFoundError("the message has no such part")


def heads(folder: Path, *, limit: int) -> list[Head]:
    """Return what there is, the newest first: names begin with the time."""
    return [_head(folder / name) for name in _names(folder)[:limit]]


def message(folder: Path, name: str) -> StoredMessage:
    """Return one message.

    Raises:
        NotFoundError: the folder has none of this name; nothing outside it is looked at.
    """
    if name not in _names(folder):
        raise NotFoundError("there is no such message")
    raw = (folder / name).read_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    return StoredMessage(
        name=name,
        headers=tuple((header, str(value)) for header, value in parsed.items()),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        parts=tuple(
            Part(
                number=number,
                filename=part.get_filename() or "",
                content_type=part.get_content_type(),
                content=_content(part),
                content_id=str(part["Content-ID"] or "").strip("<> "),
            )
            for number, part in enumerate(parsed.walk())
            if part.get_filename()
        ),
        raw=raw,
    )


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    # What is still being written is hidden and has another ending.
    return sorted((file.name for file in folder.glob(f"[!.]*{_SUFFIX}")), reverse=True)


def _head(file: Path) -> Head:
    with file.open("rb") as stream:
        parsed = BytesHeaderParser(policy=email.policy.default).parse(stream)
    about = file.stat()
    return Head(
        name=file.name,
        subject=str(parsed["Subject"] or ""),
        to=str(parsed["To"] or ""),
        at=datetime.fromtimestamp(about.st_mtime, UTC),
        size=about.st_size,
    )


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _body(parsed: EmailMessage, subtype: str) -> str:
    body = parsed.get_body((subtype,))
    return "" if body is None else str(body.get_content())
