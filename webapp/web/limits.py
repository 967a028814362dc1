"""How often anybody may ask for anything: three groups of routes, counted in Redis.

The buyer's polled fragment is in none of them: it is counted in the process (`poll_counts.py`).
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded

from webapp import client
from webapp.config import Settings
from webapp.core.errors import TooOftenError
from webapp.domain.desk import api_keys
from webapp.extensions import queue_redis, settings
from webapp.web.refused_counts import RefusedCounts


class Group(StrEnum):
    """Routes that share a limit."""

    POLLS = "polls"
    API = "api"
    PAGES = "pages"


_POLLED: Final = {
    ("GET", "/api/payment-links/<name>/status"),
    ("OPTIONS", "/api/payment-links/<name>/status"),
    ("POST", "/api/payment-links/<name>/refresh"),
    ("OPTIONS", "/api/payment-links/<name>/refresh"),
    ("GET", "/api/payments/session/<reference>"),
    ("GET", "/desk/links/rows"),
    ("GET", "/desk/links/<reference>/panel"),
}
# The first is counted by the lane; the other is asked by whoever watches over us.
_FREE: Final = {"/pay/<code>/status", "/api/health"}
_PAGES: Final = ("/pay/", "/tickets/")

# Where nobody can say any more how long it takes.
_LONGEST_S: Final = 60

REFUSED: Final = RefusedCounts()


@dataclass(frozen=True)
class _Left:
    """What is left of the limit that is nearest to its end, and when it begins anew, in seconds."""

    limit: int
    remaining: int
    reset_s: int


def group_of(method: str, rule: str) -> Group | None:
    """Return which group a route belongs to; None where another rule, or none, limits it."""
    method = "GET" if method == "HEAD" else method
    if (method, rule) in _POLLED:
        return Group.POLLS
    # What else a route may be asked is answered without any work.
    if method == "OPTIONS" or rule in _FREE:
        return None
    if rule.startswith("/api/"):
        return Group.API
    return Group.PAGES if rule.startswith(_PAGES) else None


def guard(app: Flask, values: Settings, refuse: Callable[[Exception], Response]) -> None:
    """Count the requests of every group. With Redis away each process counts for itself.

    Args:
        app: whose requests.
        values: its settings; the limits are looked up at each request.
        refuse: makes the answer to a request that came too often.
    """
    with app.app_context():
        # Its client waits for 0.2 s and repeats nothing.
        store = {"connection_pool": queue_redis.connection_pool}
    limiter = Limiter(
        client.address,
        application_limits=_limits(),
        storage_uri=values.redis_url.replace("unix:", "redis+unix:", 1),
        storage_options=store,  # type: ignore[arg-type]  # the storage takes a pool, too
        in_memory_fallback_enabled=True,
    )
    # Who is in no group must not even make it ask whether Redis is back.
    limiter.request_filter(lambda: _group() is None)
    limiter.init_app(app)
    # It would tell of each refusal; ours are counted.
    limiter.logger.setLevel(logging.WARNING)

    def answer(_error: RateLimitExceeded) -> Response:
        REFUSED.note(_group() or "")
        left = _left(limiter)
        return refuse(TooOftenError(left.reset_s if left else _LONGEST_S))

    app.register_error_handler(RateLimitExceeded, answer)

    @app.after_request
    def tell(answer: Response) -> Response:
        # Programs read it; the library's own headers would tell of Retry-After all the time.
        if request.path.startswith("/api/") and (left := _left(limiter)):
            answer.headers["RateLimit-Limit"] = str(left.limit)
            answer.headers["RateLimit-Remaining"] = str(left.remaining)
            answer.headers["RateLimit-Reset"] = str(left.reset_s)
        return answer


def _limits() -> list[str | Callable[[], str] | ApplicationLimit]:
    return [
        _limit(Group.POLLS, lambda: f"{settings.limit_polls}/minute", by=_subject_and_caller),
        _limit(Group.POLLS, lambda: f"{settings.limit_polls_per_address}/minute", by=_address),
        _limit(Group.API, lambda: f"{settings.limit_api}/15 minutes", by=_caller),
        _limit(Group.PAGES, lambda: f"{settings.limit_pages}/minute", by=_subject_and_address),
    ]


def _limit(group: Group, limit: Callable[[], str], *, by: Callable[[], str]) -> ApplicationLimit:
    def key() -> str:
        # The names open pages and doors: the counter is told a digest.
        return hashlib.sha256(f"{group}|{by.__name__}|{by()}".encode()).hexdigest()[:32]

    return ApplicationLimit(
        limit_provider=limit, key_function=key, exempt_when=lambda: _group() is not group
    )


def _group() -> Group | None:
    rule = request.url_rule
    return None if rule is None else group_of(request.method, rule.rule)


def _address() -> str:
    return client.network_of(client.address())


def _caller() -> str:
    """Return whose key was sent, if it is one of ours, or else where the request comes from."""
    said = client.key()
    key = api_keys.known(said) if said else None
    return f"key {key}" if key else _address()


def _subject() -> str:
    """Return the link, the sitting or the tickets that are asked for, if any are."""
    names = request.view_args or {}
    return "|".join(
        str(names[name]) for name in ("code", "token", "name", "reference") if name in names
    )


def _subject_and_caller() -> str:
    return f"{_subject()}|{_caller()}"


def _subject_and_address() -> str:
    return f"{_subject()}|{_address()}"


def _left(limiter: Limiter) -> _Left | None:
    """Return what is left for this request's caller; None where nothing counts, or nobody knows."""
    counted = limiter.current_limit
    if counted is None:
        return None
    try:
        reset_at, remaining = counted.window
    except Exception:  # noqa: BLE001  # whatever the store raises: it went away just now
        return None
    return _Left(counted.limit.amount, remaining, max(1, math.ceil(reset_at - time.time())))
