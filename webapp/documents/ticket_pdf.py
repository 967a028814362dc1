"""An order in, a PDF out: one A5 page for each of its tickets."""

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Final

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from webapp import paper
from webapp.documents import qr
from webapp.documents.ticket_order import TicketOrder

# The fonts are loaded once: that saves a fifth of the time and keeps the memory flat, where fonts
# of its own would cost 0.3 MB for each document, for good. Two threads cannot share them.
_PRINTING: Final = Lock()


class TicketPdfError(Exception):
    """A ticket could not be printed as it should be; the fault is ours."""


class _OnlyOurs(URLFetcher):  # type: ignore[misc]  # WeasyPrint ships no types
    """Gives out the images of one document. It knows no network and no disk."""

    def __init__(self, images: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols=())
        self._images = images

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:
        """Return one of our images. Any other address stops the rendering."""
        del headers
        try:
            image = self._images[url]
        except KeyError:
            # WeasyPrint would log the fault and print a ticket without its picture.
            raise FatalURLFetchingError("a ticket may not load anything from elsewhere") from None
        return URLFetcherResponse(url, image, {"Content-Type": "image/png"})


def render(order: TicketOrder) -> bytes:
    """Print an order's tickets. The same order gives the same bytes.

    Raises:
        ValueError: the order has no tickets.
        TicketPdfError: the template asked for something that is not the document's own.
    """
    if not order.tickets:
        raise ValueError("an order without tickets has nothing to print")
    images = {f"qr:{ticket.serial}": qr.png(ticket.code) for ticket in order.tickets}
    return _print(paper.fill("documents/ticket.html", order=order), images)


def _print(html: str, images: Mapping[str, bytes]) -> bytes:
    fetcher = _OnlyOurs(images)
    try:
        with _PRINTING:
            pdf: bytes = HTML(string=html, url_fetcher=fetcher).write_pdf(
                stylesheets=[_stylesheet()], font_config=_fonts()
            )
    except FatalURLFetchingError as error:
        raise TicketPdfError(str(error)) from error
    return pdf


@cache
def _stylesheet() -> CSS:
    return CSS(string=paper.fill("documents/ticket.css"), url_fetcher=_OnlyOurs({}))


@cache
def _fonts() -> FontConfiguration:
    return FontConfiguration()
