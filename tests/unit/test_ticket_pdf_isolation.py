import base64
import http.client
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import orders
from tests.unit.pdf_pages import Pages
from webapp.documents import qr, ticket_pdf
from webapp.documents.ticket_pdf import TicketPdfError


class Listener(http.server.ThreadingHTTPServer):
    """A web server on loopback that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Remembers)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Remembers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Listener)
        server.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def _serving() -> Iterator[Listener]:
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listener
        listener.shutdown()
        thread.join()


@pytest.fixture
def listener(_serving: Listener) -> Listener:
    """The web server, which was just seen to notice who asks."""
    connection = http.client.HTTPConnection(_serving.address, timeout=5)
    connection.request("GET", "/alive")
    connection.getresponse().read()
    connection.close()
    assert _serving.asked.pop() == "/alive"
    return _serving


@pytest.mark.parametrize(
    "words",
    [
        "<b>Bold</b> & <i>brave</i>",
        "</section></body><p>Free entry</p>",
        "{{ order.amount }} {% raw %}",
        '<img src="http://{server}/pixel.png">',
        '"><link rel="stylesheet" href="http://{server}/style.css">',
        "<style>@import url(http://{server}/style.css);</style>",
        '<script src="http://{server}/script.js"></script>',
    ],
)
def test_markup_in_a_merchants_words_is_only_text(words: str, listener: Listener) -> None:
    words = words.replace("{server}", listener.address)
    pages = Pages(
        ticket_pdf.render(
            orders.order(merchant_name=words, title=words, event_name=words, instructions=words)
        )
    )
    assert len(pages) == 1
    assert words in pages.texts[0].replace("\r\n", "")
    assert listener.asked == []


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="{url}">',
        '<link rel="stylesheet" href="{url}">',
        "<style>@import url({url});</style>",
        '<p style="background: url({url})">x</p>',
        "<style>p::before {{ content: url({url}) }}</style><p>x</p>",
        "<style>@font-face {{ font-family: f; src: url({url}) }} p {{ font-family: f }}</style>",
        '<object data="{url}"></object>',
        '<embed src="{url}">',
        '<link rel="attachment" href="{url}">',
    ],
)
@pytest.mark.parametrize("scheme", ["http", "file", "data", "relative"])
def test_a_document_that_wants_something_from_elsewhere_is_not_printed(
    markup: str, scheme: str, listener: Listener, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(qr.png("secret"))
    url = {
        "http": f"http://{listener.address}/pixel.png",
        "file": secret.as_uri(),
        "data": "data:image/png;base64," + base64.b64encode(qr.png("secret")).decode(),
        "relative": "pixel.png",
    }[scheme]
    html = f'<!doctype html><base href="http://{listener.address}/">{markup.format(url=url)}'
    with pytest.raises(TicketPdfError, match="from elsewhere"):
        ticket_pdf._print(html, {})
    assert listener.asked == []
