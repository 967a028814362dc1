"""A call to a provider ends in time, however the server divides its answer (law 6)."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.providers.dribbling import WAYS, dribbling
from webapp.providers import http
from webapp.providers.base import HttpRequest
from webapp.providers.http import NoAnswerError

TIMEOUT_S = 0.5
# The deadline, and a busy machine.
IN_TIME_S = 1.0

ANSWER = b"HTTP/1.1 200 OK\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\n{}"


def took_s(request: HttpRequest) -> float:
    """Send a request that gets no answer, and return how long that took."""
    began = time.monotonic()
    with pytest.raises(NoAnswerError, match=r"^timed out$"):
        http.send(request, timeout_s=TIMEOUT_S)
    return time.monotonic() - began


@contextmanager
def one_call(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one call; yields the address, and what was asked when the block ends."""
    asked: list[bytes] = []

    def serve() -> None:
        call, _ = server.accept()
        with call:
            asked.append(call.recv(65_536))
            call.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://localhost:{server.getsockname()[1]}/x", asked
        thread.join()


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_dribbles_is_given_up_at_the_deadline(way: str) -> None:
    with dribbling(way) as url:
        assert TIMEOUT_S <= took_s(HttpRequest("GET", f"{url}/x")) < IN_TIME_S


def test_a_server_that_takes_a_request_in_and_no_more_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        endless = HttpRequest("POST", url, body=bytes(50_000_000))
        assert TIMEOUT_S <= took_s(endless) < IN_TIME_S


def test_a_server_that_never_shakes_hands_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/x"
        assert TIMEOUT_S <= took_s(HttpRequest("GET", url)) < IN_TIME_S


def test_nothing_packed_is_asked_for_and_a_header_that_comes_twice_is_one() -> None:
    with one_call(ANSWER) as (url, asked):
        answer = http.send(HttpRequest("POST", url, {"X-Ours": "1"}), timeout_s=5)
    assert (answer.status, answer.headers["x-two"], answer.body) == (200, "1, 2", b"{}")
    lines = asked[0].split(b"\r\n")
    assert {b"Accept-Encoding: identity", b"X-Ours: 1", b"Content-Length: 0"} < set(lines)


def test_an_address_where_nobody_is_does_not_keep_us_from_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo

    def both(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        hosts = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
        return [one for name in hosts for one in resolve(name, port, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with one_call(ANSWER) as (url, _):
        assert http.send(HttpRequest("GET", url), timeout_s=5).status == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://nowhere.invalid/x"])
def test_where_nobody_is_the_connection_is_refused(url: str) -> None:
    with pytest.raises(NoAnswerError, match=r"^connection refused$"):
        http.send(HttpRequest("GET", url), timeout_s=5)
