"""The buyer's ticket page, opened by the long token from their email, and its two files."""

import base64
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final, Self

from flask import Blueprint, Response, make_response, render_template, send_file
from flask.typing import ResponseReturnValue

from webapp.documents import qr
from webapp.domain.tickets import orders
from webapp.domain.tickets.orders import File, HeldTicket

blueprint = Blueprint("tickets", __name__)

_RETRY_AFTER_S: Final = 10


@dataclass(frozen=True)
class TicketCard:
    """One ticket as the page shows it; a void one has no picture that a scanner could read."""

    serial: str
    position: int
    of: int
    state: str
    checked_in_at: datetime | None
    picture: str | None

    @classmethod
    def show(cls, ticket: HeldTicket) -> Self:
        """Draw a ticket."""
        printed = ticket.printed
        return cls(
            serial=printed.serial,
            position=printed.position,
            of=printed.of,
            state=ticket.state.value,
            checked_in_at=ticket.checked_in_at,
            picture=None if ticket.is_void else _inline(qr.png(printed.code)),
        )


@blueprint.get("/tickets/<token>")
def show_tickets(token: str) -> ResponseReturnValue:
    """Show what was paid for, and each ticket with its QR code."""
    paid = orders.of_token(token)
    cards = [TicketCard.show(ticket) for ticket in paid.tickets]
    page = render_template("tickets/show.html", paid=paid, cards=cards, token=token)
    return _private(make_response(page))


@blueprint.get("/tickets/<token>/tickets.pdf")
def download_pdf(token: str) -> ResponseReturnValue:
    """Give the printed tickets, or say that they are being made."""
    file = orders.pdf(token)
    if file is None:
        answer = make_response(render_template("tickets/being_made.html", token=token), 503)
        answer.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return _private(answer)
    return _download(file, "application/pdf")


@blueprint.get("/tickets/<token>/event.ics")
def download_event(token: str) -> ResponseReturnValue:
    """Give the event as a calendar entry."""
    return _download(orders.event_file(token), "text/calendar")


def _download(file: File, mimetype: str) -> Response:
    return _private(
        send_file(
            BytesIO(file.content), mimetype=mimetype, as_attachment=True, download_name=file.name
        )
    )


def _private(answer: Response) -> Response:
    """Keep an answer out of caches and search engines: its address opens the tickets."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
