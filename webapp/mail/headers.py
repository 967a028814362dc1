"""What may stand in the head of a message."""

import re
import unicodedata
from email.headerregistry import Address

from webapp.core.addresses import ATOM, LABEL, UnmailableError, wire_address
from webapp.mail.errors import MailRefusedError, MailUnavailableError

_MESSAGE_ID = re.compile(rf"<{ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})*>")


def one_line(text: str) -> str:
    """Return the text as a header may carry it: one line, no control characters.

    `=?` is pulled apart: it opens an encoded word, and Python's own header parser would decode
    that, line breaks and all, and then write the hidden lines out as headers.
    """
    plain = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cs"})
    return " ".join(plain.split()).replace("=?", "= ?")


def checked_message_id(message_id: str) -> str:
    """Return the Message-ID, if it is one: `<left@right>`.

    Raises:
        ValueError: it is not.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a Message-ID looks like <left@right>")
    return message_id


def wire_sender(address: str) -> str:
    """Return our own address as mail servers speak it.

    Raises:
        MailUnavailableError: it has no such form. No message can be sent until that is mended.
    """
    try:
        return wire_address(address)
    except UnmailableError as error:
        raise MailUnavailableError(f"our sender: {error}") from None


def wire_recipient(address: str) -> str:
    """Return a recipient's address as mail servers speak it.

    Raises:
        MailRefusedError: it has no such form.
    """
    try:
        return wire_address(address)
    except UnmailableError as error:
        raise MailRefusedError(str(error)) from None


def header_of(name: str, wire: str) -> Address:
    """Return what stands in From, To or Reply-To of a name and an address of the wire."""
    username, _, domain = wire.rpartition("@")
    return Address(one_line(name), username, domain)
