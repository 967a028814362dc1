"""A small real server that plays the buyer's pages and answers polls as a test has written it."""

import socket
import sys
import threading
from collections.abc import Mapping
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from tests.browser.line import Answer, Line, refused

__all__ = [
    "CODE",
    "Answer",
    "StatusServer",
    "fragment",
    "moved",
    "news",
    "refused",
    "tag",
    "unchanged",
]

STATIC = Path(__file__).parents[2] / "static"
PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; frame-ancestors 'none'"
)
CODE = "K7M2QD4X"


def fragment(
    text: str = "Waiting", *, status: str = "OPEN", in_flight: bool = False, offers: str = ""
) -> str:
    """Write a status fragment."""
    mark = f' data-offers="{offers}"' + (" data-in-flight" if in_flight else "")
    return f'<div data-status="{status}"{mark}><p id="words" data-headline>{escape(text)}</p></div>'


def timeline(*lines: str) -> str:
    """Write the list that comes with a fragment, for its place in the page around."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ol id="payment-timeline" hx-swap-oob="innerHTML">{items}</ol>'


def tag(version: int) -> str:
    """Write an ETag as the status route does: the version comes first."""
    return f'"{version}.processing.en.0.r1"'


def unchanged(
    version: int = 1, *, pace: str | None = "3", until: threading.Event | None = None
) -> Answer:
    """Nothing new."""
    return Answer(304, {"ETag": tag(version), "X-Poll-After": pace}, until=until)


def news(
    version: int, body: str, *, pace: str | None = "3", until: threading.Event | None = None
) -> Answer:
    """Say something new that belongs on the page that asks."""
    return Answer(200, {"ETag": tag(version), "X-Poll-After": pace}, body, until=until)


def moved(to: str, body: str = "") -> Answer:
    """Say that the state belongs on another page."""
    return Answer(200, {"ETag": tag(9), "HX-Redirect": to, "X-Poll-After": "stop"}, body)


class StatusServer(Line):
    """Serves `/pay/<code>/…`, the real static files, and the queued answers to the polls.

    `attributes` are those of the polled region, `first` is the fragment in the page, `timeout_ms`
    is htmx's; set them before a page is opened.
    """

    def __init__(self) -> None:
        super().__init__(usual=unchanged())
        self.first = fragment()
        self.timeout_ms = 10_000
        self.attributes: dict[str, str] = {
            "data-code": CODE,
            "data-etag": tag(1),
            "data-poll-after": "3",
            "data-expired-url": f"/pay/{CODE}/expired",
        }
        self.pages: list[str] = []
        self._http = _Http(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def address(self, name: str) -> str:
        """Return where the page of this name is."""
        return f"{self.url}/pay/{CODE}/{name}"

    def page(self, name: str) -> str:
        """Write the page of this name (`processing`, …): the markup contract and nothing else."""
        attributes = {"hx-get": f"/pay/{CODE}/status?on={name}", **self.attributes}
        return PAGE.substitute(
            name=name,
            timeout=self.timeout_ms,
            fragment=self.first,
            attributes=" ".join(f'{key}="{escape(text)}"' for key, text in attributes.items()),
        )


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, played: StatusServer) -> None:
        self.played = played
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Let a browser hang up whenever it likes."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == f"/pay/{CODE}/status":
            self._answer(self.server.played.receive(self.path, dict(self.headers)))
        elif path.startswith(f"/pay/{CODE}"):
            self.server.played.pages.append(self.path)
            headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}
            self._send(200, headers, self.server.played.page(path.rpartition("/")[2]))
        elif path.startswith("/static/"):
            script = (STATIC / path.removeprefix("/static/")).read_text(encoding="utf-8")
            self._send(200, {"Content-Type": "text/javascript"}, script)
        else:
            self._send(200, {"Content-Type": "text/plain"}, "A page that polls nothing")

    def _answer(self, answer: Answer | None) -> None:
        self.server.played.hold(answer)
        if answer is not None and not answer.is_cut:
            self._send(answer.status, {"Content-Type": "text/html", **answer.headers}, answer.body)

    def _send(self, status: int, headers: Mapping[str, str | None], body: str) -> None:
        self.send_response(status)
        for name, text in {"Cache-Control": "no-store", **headers}.items():
            if text is not None:
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""
