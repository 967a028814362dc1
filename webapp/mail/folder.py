"""Puts messages into a folder, where a person or a test may read them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from webapp.core import clock
from webapp.mail.errors import MailUnavailableError
from webapp.mail.headers import wire_recipient, wire_sender

_UNFIT_FOR_A_NAME = re.compile(r"[^A-Za-z0-9.@_-]")


@dataclass(frozen=True)
class FolderTransport:
    """A folder of `<UTC time>-<message id>.eml` files; made when it is missing."""

    folder: Path

    @contextmanager
    def open(self, timeout_s: float) -> Iterator["FolderHandover"]:
        """Make sure that the folder is there. `timeout_s` bounds nothing: a disk has no deadline.

        Raises:
            MailUnavailableError: the folder cannot be made.
        """
        del timeout_s
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unavailable(error) from error
        yield FolderHandover(self.folder)


@dataclass(frozen=True)
class FolderHandover:
    """One message on its way into the folder."""

    folder: Path

    def offer(self, sender: str, to: str) -> None:
        """Refuse what no mail server could be asked.

        Raises:
            MailRefusedError: the recipient can have no mail.
            MailUnavailableError: nor can the sender.
        """
        wire_sender(sender)
        wire_recipient(to)

    def deliver(self, message: bytes) -> None:
        """Write the message so that a reader of the folder sees all of it or nothing.

        Raises:
            MailUnavailableError: the disk did not take it.
        """
        message_id = str(BytesHeaderParser().parsebytes(message)["Message-ID"]).strip("<> ")
        moment = clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{moment}-{_UNFIT_FOR_A_NAME.sub('_', message_id)[:150]}.eml"
        beside = self.folder / f".{name}.part"
        try:
            # Path.open knows no opener, and so no permissions from the first byte on.
            with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self.folder / name)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise _unavailable(error) from error


def _unavailable(error: OSError) -> MailUnavailableError:
    return MailUnavailableError(f"the mail folder cannot be written: {error.strerror}")
