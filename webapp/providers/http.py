"""The one executor of requests to providers: every call has a deadline, and none is repeated."""

import ssl
from functools import cache
from typing import Final

import httpcore2
import httpx2

from webapp.providers import deadline
from webapp.providers.base import HttpAnswer, HttpRequest

# A checkout is a few hundred bytes; more than this is not an answer we want to hold in memory.
MAX_ANSWER_BYTES: Final = 1_000_000

# For each address that a name has, within the call's deadline.
CONNECT_TIMEOUT_S: Final = 3.0

_KEPT_FOR_S: Final = 5.0

# Nothing packed: what a few bytes unpack to is the server's choice, and a checkout is short.
_HEADERS: Final = (("Accept-Encoding", "identity"), ("User-Agent", "tillgate"))


class NoAnswerError(Exception):
    """The provider gave no complete answer: refused, timed out, cut off or far too long."""


@cache
def _certificates() -> ssl.SSLContext:
    """Read whom we trust, which takes 0.1 s; it outlives the connections."""
    return httpx2.create_ssl_context(trust_env=False)


@cache
def _pool() -> httpcore2.ConnectionPool:
    """Keep connections open between calls; safe to share between threads."""
    return httpcore2.ConnectionPool(
        ssl_context=_certificates(),
        max_connections=200,
        max_keepalive_connections=50,
        keepalive_expiry=_KEPT_FOR_S,
        network_backend=deadline.Backend(),
    )


def prepare() -> None:
    """Make the pool now; nothing is connected."""
    _pool()


def close() -> None:
    """Close every kept connection. The next call opens new ones."""
    if _pool.cache_info().currsize:
        _pool().close()
        _pool.cache_clear()


def send(request: HttpRequest, *, timeout_s: float) -> HttpAnswer:
    """Send one request and return its complete answer, whatever its status.

    Args:
        request: what to send.
        timeout_s: how long the call may take until its answer is complete, in seconds, however
            the server divides it; a name's resolution is left to the system and comes on top.

    Raises:
        NoAnswerError: with a reason that names no secret.
    """
    try:
        with deadline.within(timeout_s):
            return _send(request, timeout_s)
    except httpcore2.TimeoutException as error:
        raise NoAnswerError("timed out") from error
    except httpcore2.ConnectError as error:
        raise NoAnswerError("connection refused") from error
    except (
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise NoAnswerError(f"no answer ({type(error).__name__})") from error


def _send(request: HttpRequest, timeout_s: float) -> HttpAnswer:
    # Some servers refuse a POST that does not say how long it is, even if it is empty.
    content = b"" if request.body is None and request.method != "GET" else request.body
    timeouts = {"connect": min(CONNECT_TIMEOUT_S, timeout_s), "pool": timeout_s}
    with _pool().stream(
        request.method,
        request.url,
        headers=[*_HEADERS, *request.headers.items()],
        content=content,
        extensions={"timeout": timeouts},
    ) as answer:
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise NoAnswerError("the answer is too long")
        headers: dict[str, str] = {}
        for raw_name, raw_value in answer.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return HttpAnswer(answer.status, headers, bytes(body))
