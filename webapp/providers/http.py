"""The one executor of requests to providers: every call has a deadline, and none is repeated."""

import time
from functools import cache

import httpx2

from webapp.providers.base import HttpAnswer, HttpRequest

# A checkout is a few hundred bytes; more than this is not an answer we want to hold in memory.
MAX_ANSWER_BYTES = 1_000_000

CONNECT_TIMEOUT_S = 3.0


class NoAnswerError(Exception):
    """The provider gave no complete answer: refused, timed out, cut off or far too long."""


@cache
def _client() -> httpx2.Client:
    """Keep connections open between calls; safe to share between threads."""
    return httpx2.Client(
        follow_redirects=False,
        trust_env=False,
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=50),
    )


def prepare() -> None:
    """Make the client now; nothing is connected. Reading the certificates takes 0.1 s each time."""
    _client()


def close() -> None:
    """Close every kept connection. The next call opens new ones."""
    if _client.cache_info().currsize:
        _client().close()
        _client.cache_clear()


def send(request: HttpRequest, *, timeout_s: float) -> HttpAnswer:
    """Send one request and return its complete answer, whatever its status.

    Args:
        request: what to send.
        timeout_s: how long the call may take until its answer is complete, in seconds. A server
            that dribbles may take up to twice as long.

    Raises:
        NoAnswerError: with a reason that names no secret.
    """
    deadline = time.monotonic() + timeout_s
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    try:
        with _client().stream(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.body,
            timeout=timeout,
        ) as answer:
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if time.monotonic() > deadline:
                    raise NoAnswerError("timed out")
                if len(body) > MAX_ANSWER_BYTES:
                    raise NoAnswerError("the answer is too long")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(answer.status_code, headers, bytes(body))
    except httpx2.TimeoutException as error:
        raise NoAnswerError("timed out") from error
    except httpx2.ConnectError as error:
        raise NoAnswerError("connection refused") from error
    except httpx2.HTTPError as error:
        raise NoAnswerError(f"no answer ({type(error).__name__})") from error
