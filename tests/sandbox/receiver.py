"""A small real HTTP server that takes notices as a shop does and remembers them."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One notice as it came over the wire; header names in small letters."""

    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The body as JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content


class Receiver:
    """Answers 200 to every notice, or first what the test put in `next_statuses`.

    A buyer who comes back finds a page there, titled "The shop".
    While `is_answering` is not set, notices are taken and not answered.
    """

    def __init__(self, port: int = 0) -> None:
        self.received: list[Received] = []
        self.next_statuses: list[int] = []
        self.is_answering = threading.Event()
        self.is_answering.set()
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self._take))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where notices are to be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/notices"

    @property
    def page_url(self) -> str:
        """Where a buyer comes back to; an origin of its own."""
        return f"http://127.0.0.1:{self._server.server_port}/back"

    @property
    def references(self) -> list[str]:
        """The references of the notices that came, in their order."""
        return [notice.content["reference"] for notice in self.received]

    def wait_for(self, count: int) -> list[Received]:
        """Wait until so many notices came and return all there are."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.received) >= count, 60), self.received
            return list(self.received)

    def close(self) -> None:
        """Stop listening."""
        self.is_answering.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, received: Received) -> int:
        with self._news:
            self.received.append(received)
            status = self.next_statuses.pop(0) if self.next_statuses else 200
            self._news.notify_all()
        self.is_answering.wait()
        return status


def _handler(take: Callable[[Received], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(take(Received(headers, body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            page = b'<!doctype html><link rel="icon" href="data:,"><title>The shop</title>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            pass

    return Handler
