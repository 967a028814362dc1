"""A bank that takes a call and says nothing until it hangs up."""

import socket
import threading

from tests.sandbox.process import eventually


class SilentBank:
    """A port of the loopback; whoever calls there waits."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._calls: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it takes calls."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def called(self) -> int:
        """How often it was called."""
        return len(self._calls)

    def wait_for_a_call(self) -> None:
        """Wait until somebody is on the line."""
        eventually(lambda: self._calls, within_s=30)

    def hang_up(self) -> None:
        """Cut every call off, and take no more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for call in self._calls:
            call.close()

    def _take(self) -> None:
        while True:
            try:
                self._calls.append(self._server.accept()[0])
            except OSError:
                return
