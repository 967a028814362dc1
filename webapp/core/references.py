"""Makes the names that leave the house, each unguessable and of one alphabet."""

import hashlib
import re
import secrets

# No 0/O, 1/I/L, U/V: what is read aloud or typed from paper must not be mistaken.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"
CODE_LENGTH = 8
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE = re.compile(rf"[{ALPHABET}]{{{CODE_LENGTH}}}")


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def link_code() -> str:
    """Return a code for `/pay/<code>`: 8 characters, about 5 * 10^11 of them."""
    return _random(CODE_LENGTH)


def clean_link_code(typed: str) -> str | None:
    """Return the code that was meant, or None when it cannot be one."""
    code = typed.strip().upper()
    return code if _CODE.fullmatch(code) else None


def order_reference() -> str:
    """Return a reference such as `ORD-7K2MQD4XHB`, printed on everything the buyer receives."""
    return f"ORD-{_random(10)}"


def attempt_reference() -> str:
    """Return a reference such as `att-…`, which the provider gets as reference and idempotency key.

    30 characters of letters, digits and one hyphen: that fits SumUp (64 characters), Paystack
    (no underscore), Stripe (255) and RQ's job arguments alike.
    """
    return f"att-{_random(26).lower()}"


def session_reference(token: str) -> str:
    """Return the session number that belongs to a buyer's token, and tells nothing of it.

    It is shown for support and opens nothing by itself.
    """
    number = int.from_bytes(hashlib.sha256(f"session:{token}".encode()).digest())
    letters = []
    for _ in range(20):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"ses-{''.join(letters).lower()}"


def event_reference() -> str:
    """Return an event's public reference, which is part of every ticket's code."""
    return f"EVT-{_random(8)}"


def message_reference() -> str:
    """Return an email's own name, which is also the left half of its Message-ID."""
    return f"msg-{_random(26).lower()}"


def api_key_prefix() -> str:
    """Return the part of a key for programs that names it and is no secret."""
    return _random(10).lower()


def refund_reference() -> str:
    """Return a refund's name, which the provider gets as its key where it takes one."""
    return f"ref-{_random(26).lower()}"


def is_token(text: str) -> bool:
    """Whether this could be one of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def token() -> str:
    """Return a secret of 256 bits for cookies, hook addresses and long links."""
    return secrets.token_urlsafe(32)
