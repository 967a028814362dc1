"""Serves a fake provider over real HTTP, on a port of the loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server


class _Handler(WSGIRequestHandler):
    """Writes no line for each request, and lets the application cut the connection."""

    def connection_dropped(
        self,
        error: BaseException,  # noqa: ARG002  # the base class's way to tell
        environ: WSGIEnvironment | None = None,  # noqa: ARG002
    ) -> None:
        self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # its own name
        pass


class Server:
    """A WSGI application in a threading server of its own, until it is closed.

    An application cuts the connection without an answer by raising a `ConnectionError`.
    """

    def __init__(self, application: WSGIApplication, port: int = 0) -> None:
        self._server = make_server(
            "127.0.0.1", port, application, threaded=True, request_handler=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening. Requests that are under way end by themselves."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def served(application: WSGIApplication) -> Iterator[str]:
    """Serve an application as long as the block runs; yield its address."""
    server = Server(application)
    try:
        yield server.url
    finally:
        server.close()
