"""Storms: many clients at once that use a web server as no browser does."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from dev.paths import ROOT

STATIC: Final = ROOT / "static"
CLIENTS: Final = 64

# All come from one address here, as no so many clients do.
UNLIMITED: Final = dict.fromkeys(
    ("LIMIT_PAGES", "LIMIT_POLLS", "LIMIT_POLLS_PER_ADDRESS", "LIMIT_API"), "1000000"
)

# Each client says one more byte so often, in seconds.
_DRIBBLE_S: Final = 0.5

# Far more than the buffers of both ends hold of a script of 50 kB.
_UNREAD: Final = 200


@dataclass(frozen=True)
class Target:
    """Where the storm is: the site, a link there, and a key of its merchant."""

    url: str
    code: str
    key: str


def unfinished_headers(_number: int, _target: Target) -> bytes:
    """Begin a request whose headers never end."""
    return b"GET /health/live HTTP/1.1\r\nHost: pay.example\r\nX-Slow: "


def dribbled_bodies(number: int, target: Target) -> bytes:
    """Begin a form, a notice or a call of a program, whose body comes byte by byte."""
    path, kind = (
        (f"/pay/{target.code}", "application/x-www-form-urlencoded"),
        ("/hooks/sandbox/of-nobody", "application/json"),
        ("/api/payments/session/create", "application/json"),
    )[number % 3]
    return (
        f"POST {path} HTTP/1.1\r\nHost: pay.example\r\nAuthorization: Bearer {target.key}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: 50000\r\n\r\n"
    ).encode()


def unread_answers(_number: int, _target: Target) -> bytes:
    """Ask for the largest thing there is, far more often than it is ever read."""
    path = f"/static/{next(STATIC.glob('vendor/htmx-*/htmx.min.js')).relative_to(STATIC)}"
    return f"GET {path} HTTP/1.1\r\nHost: pay.example\r\n\r\n".encode() * _UNREAD


STORMS: Final[dict[str, tuple[Callable[[int, Target], bytes], bytes]]] = {
    "unfinished headers": (unfinished_headers, b"x"),
    "dribbled bodies": (dribbled_bodies, b"x"),
    "unread answers": (unread_answers, b""),
}


@contextmanager
def storm(target: Target, *names: str) -> Iterator[None]:
    """Let these storms rage while the block runs, each of 64 clients. Who is cut off comes again.

    Args:
        target: upon what.
        names: of STORMS.
    """
    stop = threading.Event()
    clients = [
        _Client(target.url, begin(number, target), more)
        for begin, more in (STORMS[name] for name in names)
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.say()
    thread = threading.Thread(target=_rage, args=(clients, stop), name="storm")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for client in clients:
            client.hang_up()


def _rage(clients: Sequence["_Client"], stop: threading.Event) -> None:
    while not stop.wait(_DRIBBLE_S):
        for client in clients:
            client.say()


class _Client:
    """One connection. It never reads, and calls again when it was cut off."""

    def __init__(self, url: str, first: bytes, more: bytes) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._first = self._left = first
        self._more = more
        self._socket = self._call()

    def say(self) -> None:
        """Say what is left of the beginning, or one byte more."""
        try:
            if self._left:
                self._left = self._left[self._socket.send(self._left) :]
            elif self._more:
                self._socket.send(self._more)
        except BlockingIOError:
            pass
        except OSError:
            self.hang_up()
            self._left, self._socket = self._first, self._call()

    def hang_up(self) -> None:
        """End the connection."""
        self._socket.close()

    def _call(self) -> socket.socket:
        called = socket.socket()
        called.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(OSError):
            called.settimeout(2)
            called.connect(self._address)
        called.setblocking(False)
        return called
