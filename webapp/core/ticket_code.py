"""The signed text in a ticket's QR code. Whoever holds the public keys can check it offline.

`TICKET:<serial>|ORDER:<reference>|EVENT:<event's reference>|VALID:<key id>.<signature>`, where the
signature is Ed25519 over everything before `|VALID:`. About 162 characters: QR version 9, level M.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# A link that sells no event still prints tickets; its event field then holds this.
NO_EVENT = "-"

_KEY_ID = re.compile(r"[a-z0-9]{1,8}")
_FIELD = re.compile(r"[A-Za-z0-9-]{1,40}")
_CODE = re.compile(
    r"(?P<signed>TICKET:(?P<serial>[A-Za-z0-9-]{1,40})\|ORDER:(?P<order>[A-Za-z0-9-]{1,40})"
    r"\|EVENT:(?P<event>[A-Za-z0-9-]{1,40}))\|VALID:(?P<key_id>[a-z0-9]{1,8})\.(?P<signature>[A-Za-z0-9_-]{85}[AQgw])"
)


@dataclass(frozen=True)
class TicketClaim:
    """What a genuine code says: which ticket, of which order, for which event."""

    serial: str
    order_reference: str
    event_reference: str

    @property
    def text(self) -> str:
        """The part of the code that is signed."""
        for value in (self.serial, self.order_reference, self.event_reference):
            if not _FIELD.fullmatch(value):
                raise ValueError(f"{value!r} does not fit into a ticket code")
        return f"TICKET:{self.serial}|ORDER:{self.order_reference}|EVENT:{self.event_reference}"


class TicketSigner:
    """Signs with the newest key; old codes stay valid as long as their public key is kept."""

    def __init__(self, key_id: str, key: Ed25519PrivateKey) -> None:
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError("a key id is 1 to 8 small letters and digits")
        self.key_id = key_id
        self._key = key

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Build from `<key id>:<base64 of 32 bytes>`, as the setting has it.

        Raises:
            ValueError: the text is not of that form.
        """
        key_id, _, encoded = text.partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError("the key is not base64") from error
        if len(raw) != 32:
            raise ValueError("a key has 32 bytes")
        return cls(key_id, Ed25519PrivateKey.from_private_bytes(raw))

    @property
    def public_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """This signer's public key under its id, as `verify` wants it."""
        return {self.key_id: self._key.public_key()}

    def sign(self, claim: TicketClaim) -> str:
        """Return the whole code. Ed25519 is deterministic: the same claim gives the same code."""
        signature = base64.urlsafe_b64encode(self._key.sign(claim.text.encode())).rstrip(b"=")
        return f"{claim.text}|VALID:{self.key_id}.{signature.decode()}"


def verify(code: str, public_keys: Mapping[str, Ed25519PublicKey]) -> TicketClaim | None:
    """Return what a genuine code says, or None when it was not signed by one of these keys."""
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    key = public_keys.get(match["key_id"])
    if key is None:
        return None
    try:
        key.verify(base64.urlsafe_b64decode(match["signature"] + "=="), match["signed"].encode())
    except InvalidSignature:
        return None
    return TicketClaim(match["serial"], match["order"], match["event"])
