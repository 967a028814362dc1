"""Folds the lines of a message's head."""

from email.header import Header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any


class WirePolicy(EmailPolicy):
    """Short lines of seven bits, ended by CR LF.

    Python's own folding loses spaces between words outside ASCII, which would spoil the subject of
    every Greek merchant; so those headers are folded by the standard library's older tool. Seven
    bits because not every server takes eight, and a composed message is not composed anew.
    """

    def __init__(self) -> None:
        super().__init__(linesep="\r\n", cte_type="7bit", message_factory=EmailMessage)

    def fold(self, name: str, value: Any) -> str:  # noqa: ANN401  # a header of any kind
        """Return the header's lines. An address header has one address."""
        if not str(value).isascii():
            if isinstance(value, AddressHeader):
                (mailbox,) = value.addresses
                words = self._words(name, mailbox.display_name)
                return f"{words}{self.linesep} <{mailbox.addr_spec}>{self.linesep}"
            if name == "Subject":
                return self._words(name, str(value)) + self.linesep
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:  # noqa: ANN401  # a header of any kind
        """Return the header's lines for the wire."""
        return self.fold(name, value).encode("ascii")

    def _words(self, name: str, text: str) -> str:
        encoded = Header(text, "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}"
