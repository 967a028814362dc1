"""Tries to sign in, counted in Redis for a quarter of an hour, so that guessing does not pay.

They are counted for the address that was typed, and for where they come from. With Redis away
nobody is kept out: the desk must not depend on the queue.
"""

from contextlib import suppress
from typing import Final

import redis
import structlog

from webapp.core import fingerprints, text
from webapp.core.errors import BusyError, InvalidInputError, TooManyTriesError, TooOftenError
from webapp.domain import paced
from webapp.domain.desk import users
from webapp.extensions import queue_redis, settings
from webapp.models import User

logger = structlog.get_logger(__name__)

WINDOW_S: Final = 900


def verify(email: str, password: str, *, client: str) -> User | None:
    """Return who signs in, or None; see `users.verify`.

    Args:
        email: as it was typed.
        password: as it was typed.
        client: the network address that it comes from.

    Raises:
        TooManyTriesError: there were so many wrong ones that even the right one is not looked at.
        BusyError: too many sign in at this moment.
    """
    address = _normal(email)
    typed, origin = (
        f"sign-in:{_digest(address or email)}",
        f"sign-in-from:{_digest(fingerprints.network(client))}",
    )
    # Counted before it is looked at: tries that come side by side must not all be the first one.
    _count({typed: settings.sign_in_tries, origin: settings.sign_in_tries_per_address})
    try:
        user = users.verify(email, password)
    except BusyError:
        _take_back(typed, origin)
        raise
    if user is None:
        logger.warning("sign_in_failed", address=text.masked(address) if address else "none")
        return None
    _forget(typed)
    _take_back(origin)
    return user


def _count(limits: dict[str, int]) -> None:
    try:
        paced.count(limits, within_s=WINDOW_S)
    except TooOftenError as refused:
        logger.warning("sign_in_refused", wait_s=refused.wait_s)
        raise TooManyTriesError(refused.wait_s) from None


def _forget(key: str) -> None:
    with suppress(redis.RedisError):  # it runs out by itself
        queue_redis.delete(key)


def _take_back(*keys: str) -> None:
    with suppress(redis.RedisError), queue_redis.pipeline() as pipe:  # they run out by themselves
        for key in keys:
            pipe.set(key, 1, nx=True, ex=WINDOW_S)
            pipe.decr(key)
        pipe.execute()


def _normal(email: str) -> str:
    try:
        return text.email_address("email", email).lower()
    except InvalidInputError:
        return ""  # nobody signs in with it


def _digest(said: str) -> str:
    return fingerprints.of(said, settings.secret_key.get_secret_value())
