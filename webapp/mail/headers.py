"""What may stand in the head of a message."""

import re
import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Self

from email_validator import EmailNotValidError, validate_email

from webapp.mail.errors import MailRefusedError

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_MESSAGE_ID = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*>")
_MAILBOX = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*")


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


def wire_address(address: str) -> str:
    """Return an address in ASCII, as mail servers speak it; an international domain is encoded.

    Raises:
        MailRefusedError: there is no such form. That includes letters outside ASCII before the @:
            few servers take them, and hardly anybody has such an address.
    """
    ascii_address: str | None = address
    if not address.isascii():
        try:
            ascii_address = validate_email(address, check_deliverability=False).ascii_email
        except EmailNotValidError:
            ascii_address = None
    if ascii_address is None or not _ADDRESS.fullmatch(ascii_address):
        raise MailRefusedError("this is not an address that mail can be sent to")
    return ascii_address


@dataclass(frozen=True)
class Mailbox:
    """A name, which may be empty, and an address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `Name <user@domain>` or `user@domain`. Whether mail can go there, `header` tells."""
        match = _MAILBOX.fullmatch(text)
        if match is None:
            return cls("", text.strip())
        return cls(match["name"].strip('"'), match["address"].strip())

    @property
    def header(self) -> Address:
        """What stands in From, To or Reply-To.

        Raises:
            MailRefusedError: see `wire_address`.
        """
        username, _, domain = wire_address(self.address).rpartition("@")
        return Address(one_line(self.name), username, domain)


def address_of(mailbox: str) -> str:
    """Return the address alone of `Name <user@domain>` or `user@domain`."""
    return Mailbox.parse(mailbox).address
