"""Passwords: kept as argon2id, never as they are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from webapp.core.errors import BusyError, InvalidInputError

SHORTEST: Final = 12
LONGEST: Final = 200

# OWASP's figures for argon2id: about 30 ms and 19 MiB each, so that a small server can bear some.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Each hash fills its 19 MiB at once: without a bound, many who sign in together would take more
# memory than the process may have.
_AT_ONCE: Final = 2
_TURNS: Final = threading.BoundedSemaphore(_AT_ONCE)
_PATIENCE_S: Final = 2.0

# Compared where there is nobody, so that the answer takes as long as where there is somebody.
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$HL0XmhiuxjL3zn0Db7Lk4A$"
    "TZQhEXLFZgtaI52c97JMLwmkCMSzMw6j7HwRYyyhv+I"
)


def hashed(password: str) -> str:
    """Return what is stored of a password.

    Raises:
        InvalidInputError: it is too short or too long.
        BusyError: too many wait for theirs already.
    """
    if len(password) < SHORTEST:
        raise InvalidInputError("password", f"must have at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise InvalidInputError("password", f"must have at most {LONGEST} characters")
    with _turn():
        return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Say whether this is the password that was stored; with none stored it takes as long.

    Raises:
        BusyError: too many wait for theirs already.
    """
    with _turn():
        try:
            _HASHER.verify(stored or _NOBODYS, password)
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether it was stored with other figures than those of today."""
    return _HASHER.check_needs_rehash(stored)


@contextmanager
def _turn() -> Iterator[None]:
    if not _TURNS.acquire(timeout=_PATIENCE_S):
        raise BusyError("too many passwords are being looked at")
    try:
        yield
    finally:
        _TURNS.release()
