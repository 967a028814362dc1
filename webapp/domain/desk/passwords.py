"""Passwords: kept as argon2id, never as they are."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from webapp.core.errors import InvalidInputError

SHORTEST: Final = 12
LONGEST: Final = 200

# OWASP's figures for argon2id: about 30 ms and 19 MiB each, so that a small server can bear some.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Compared where there is nobody, so that the answer takes as long as where there is somebody.
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$HL0XmhiuxjL3zn0Db7Lk4A$"
    "TZQhEXLFZgtaI52c97JMLwmkCMSzMw6j7HwRYyyhv+I"
)


def hashed(password: str) -> str:
    """Return what is stored of a password.

    Raises:
        InvalidInputError: it is too short or too long.
    """
    if len(password) < SHORTEST:
        raise InvalidInputError("password", f"must have at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise InvalidInputError("password", f"must have at most {LONGEST} characters")
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Say whether this is the password that was stored; with none stored it takes as long."""
    try:
        _HASHER.verify(stored or _NOBODYS, password)
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether it was stored with other figures than those of today."""
    return _HASHER.check_needs_rehash(stored)
