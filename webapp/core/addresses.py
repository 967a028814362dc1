"""Addresses that mail can be sent to: one definition for forms, for settings and for the wire."""

import re
from dataclasses import dataclass
from typing import Final, Self

from email_validator import EmailNotValidError, validate_email

ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,254}}\Z){ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})*")
_MAILBOX = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*")


class UnmailableError(ValueError):
    """This is not an address that mail can be sent to. The text repeats nothing of it."""

    def __init__(self) -> None:
        super().__init__("this is not an address that mail can be sent to")


def wire_address(address: str) -> str:
    """Return an address in ASCII, as mail servers speak it; an international domain is encoded.

    Raises:
        UnmailableError: there is no such form. That includes letters outside ASCII before the @:
            few servers take them, and hardly anybody has such an address.
    """
    in_ascii: str | None = address
    if not address.isascii():
        try:
            in_ascii = validate_email(
                address, check_deliverability=False, allow_smtputf8=False
            ).ascii_email
        except EmailNotValidError:
            in_ascii = None
    if in_ascii is None or not _ADDRESS.fullmatch(in_ascii):
        raise UnmailableError
    return in_ascii


@dataclass(frozen=True)
class Mailbox:
    """A name, which may be empty, and an address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `Name <user@domain>` or `user@domain`. Whether mail can go there, `wire` tells."""
        match = _MAILBOX.fullmatch(text)
        if match is None:
            return cls("", text.strip())
        return cls(match["name"].strip('"'), match["address"].strip())

    @property
    def wire(self) -> str:
        """The address as mail servers speak it.

        Raises:
            UnmailableError: mail cannot be sent there.
        """
        return wire_address(self.address)

    @property
    def is_mailable(self) -> bool:
        """Whether mail can be sent there."""
        try:
            wire_address(self.address)
        except UnmailableError:
            return False
        return True
