"""A server that answers every call in drops, and comes to no end in time."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DROP_EVERY_S = 0.1
# Far longer than any test waits; one that fails shall not wait for ever.
_LASTS_S = 5

_PACKED = b"\x1f\x8b\x08\x08\0\0\0\0\0\3"  # the head of a file whose name has no end

# What comes first, and what follows again and again.
WAYS = {
    "a header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "news that it goes on": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"a"),
    "a packed body that unpacks to nothing": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n" + _PACKED,
        b"a",
    ),
}


@contextmanager
def dribbling(way: str) -> Iterator[str]:
    """Serve during the block; yields the address."""
    first, drop = WAYS[way]
    is_over = threading.Event()

    def drip(call: socket.socket) -> None:
        with call, suppress(OSError):
            call.recv(65_536)
            call.sendall(first)
            ends_at = time.monotonic() + _LASTS_S
            while time.monotonic() < ends_at and not is_over.wait(DROP_EVERY_S):
                call.sendall(drop)

    def take(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=drip, args=[server.accept()[0]])
                thread.start()
                drippers.append(thread)

    drippers: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        taking = threading.Thread(target=take, args=[server])
        taking.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            is_over.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in (taking, *drippers):
                thread.join()
