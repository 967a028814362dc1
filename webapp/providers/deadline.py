"""One deadline for all that a call does on the network, however its parts are timed.

The HTTP client's own timeouts are for each connect, read and write: a server that sends a byte now
and then lasts for as long as it likes. Here each of them gets what is left of the whole call.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2

_deadline: ContextVar[float] = ContextVar("deadline")

SocketOptions = Iterable[Any]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what this thread does on the network during the block so long, all in all."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class Backend(httpcore2.NetworkBackend):
    """Connects, and hands out streams, that keep the deadline of the call they work for.

    To resolve a name takes as long as the system's resolver allows: nothing can interrupt it.
    """

    def __init__(self) -> None:
        self._network = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore2.NetworkStream:
        """Try one address after the other, as the client does, but not each for the full time."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        failure: Exception = httpcore2.ConnectError("the name has no address")
        for *_, (address, *_) in found:
            left = _left(timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._network.connect_tcp(
                    str(address), port, left, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return Stream(stream)
        raise failure


class Stream(httpcore2.NetworkStream):
    """A connection; it may serve several calls, one after the other, each with its deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for it."""
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it; the client would give a server that takes it in drops a timeout each."""
        connected: socket.socket = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        try:
            while rest:
                connected.settimeout(_left(timeout, httpcore2.WriteTimeout))
                rest = rest[connected.send(rest) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands. Python counts a socket's timeout for the whole of it."""
        left = _left(timeout, httpcore2.ConnectTimeout)
        return Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> object:
        """Answer the client's questions about the connection."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore2.TimeoutException]) -> float | None:
    """Return how long the next step may take, in seconds.

    Raises:
        TimeoutException: the call's time is over.
    """
    deadline = _deadline.get(None)
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the call's time is over")
    return left if timeout is None else min(timeout, left)
