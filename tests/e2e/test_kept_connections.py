"""Browsers keep their connections between two polls, and nobody else waits for that."""

import socket

import pytest

from tests.e2e.conftest import Place

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("place")]

# More than the threads of every web process together, and more than twice that.
_KEPT = 400


def test_waiting_pages_that_keep_their_connections_keep_nobody_out(place: Place) -> None:
    kept: list[socket.socket] = []
    try:
        for _ in range(_KEPT):
            line = socket.create_connection(("127.0.0.1", place.stack.port), timeout=20)
            kept.append(line)
            line.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert line.recv(12) == b"HTTP/1.1 200"
    finally:
        for line in kept:
            line.close()
