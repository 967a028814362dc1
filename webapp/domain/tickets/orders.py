"""Paid orders: what the buyer's documents, email and ticket page say."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import joinedload

from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.states import LinkState, TicketState
from webapp.documents import calendar
from webapp.documents.ticket_order import PrintedTicket, TicketOrder
from webapp.domain.tickets import buyer_tokens, tickets
from webapp.extensions import db, settings
from webapp.models import PaymentLink, Ticket, TicketDocument

_PAID = (LinkState.PAID, LinkState.REFUNDED)


@dataclass(frozen=True)
class HeldTicket:
    """One of the buyer's tickets. `state` is VOID for every ticket of a refunded order."""

    printed: PrintedTicket
    state: TicketState
    checked_in_at: datetime | None

    @property
    def is_void(self) -> bool:
        """Whether it opens no door."""
        return self.state is TicketState.VOID


@dataclass(frozen=True)
class PaidOrder:
    """One paid order as its buyer may see it.

    `paid_at` is told in the zone of the IANA name `timezone`. `is_printed` says that the PDF is
    there to be fetched.
    """

    order: TicketOrder
    paid_at: datetime
    timezone: str
    is_refunded: bool
    tickets: tuple[HeldTicket, ...]
    is_printed: bool

    @property
    def has_tickets(self) -> bool:
        """Whether there is a ticket that opens a door."""
        return any(not ticket.is_void for ticket in self.tickets)

    @property
    def has_day(self) -> bool:
        """Whether there is something to write into a calendar."""
        return not self.is_refunded and self.order.event_starts_at is not None


@dataclass(frozen=True)
class File:
    """A file for the buyer."""

    name: str
    content: bytes


def order_of(link: PaymentLink) -> TicketOrder:
    """Return what a paid link's documents say."""
    return _order(link, tickets.of_link(link.id))


def of_token(token: str) -> PaidOrder:
    """Return the order that a buyer's long token opens.

    Raises:
        NotFoundError: the token is not ours, or the order is not paid.
    """
    link = _link(token)
    issued = tickets.of_link(link.id)
    order = _order(link, issued)
    is_refunded = link.state is LinkState.REFUNDED
    held = tuple(
        HeldTicket(
            printed=printed,
            state=TicketState.VOID if is_refunded else ticket.state,
            checked_in_at=ticket.checked_in_at,
        )
        for printed, ticket in zip(order.tickets, issued, strict=True)
    )
    return PaidOrder(
        order=order,
        paid_at=paid_at(link),
        timezone=timezone(link),
        is_refunded=is_refunded,
        tickets=held,
        is_printed=_is_printed(link.id),
    )


def pdf(token: str) -> File | None:
    """Return the printed tickets that a buyer's long token opens; None while they are being made.

    Raises:
        NotFoundError: the token is not ours, or the order has no ticket that opens a door.
    """
    link = _link(token)
    if link.state is LinkState.REFUNDED or not _has_tickets(link.id):
        raise NotFoundError("there are no such tickets")
    content = stored_pdf(link.id)
    return None if content is None else File(pdf_name(link.reference), content)


def event_file(token: str) -> File:
    """Return the calendar entry of the event that a buyer's long token opens.

    Raises:
        NotFoundError: the token is not ours, or the order is for no event.
    """
    link = _link(token)
    file = None if link.state is LinkState.REFUNDED else calendar_of(order_of(link))
    if file is None:
        raise NotFoundError("there is no such event")
    return file


def calendar_of(order: TicketOrder) -> File | None:
    """Return the calendar entry of the order's event, or None when it is for none."""
    if order.event_starts_at is None:
        return None
    entry = calendar.entry(order, domain=settings.mail_domain, made_at=clock.now())
    return File("event.ics", entry)


def stored_pdf(link_id: int) -> bytes | None:
    """Return a link's printed tickets, if they have been printed."""
    query = select(TicketDocument.content).where(TicketDocument.link_id == link_id)
    return db.session.scalar(query)


def pdf_name(reference: str) -> str:
    """Return how the file with an order's printed tickets is called."""
    return f"tickets-{reference}.pdf"


def paid_at(link: PaymentLink) -> datetime:
    """Return when a paid link was paid.

    Raises:
        ValueError: it was not: nobody should have been promised anything.
    """
    if link.paid_at is None:
        raise ValueError(f"{link.reference} was not paid")
    return link.paid_at


def timezone(link: PaymentLink) -> str:
    """Return the IANA name of the zone in which the order's times are told."""
    return link.event.timezone if link.event else link.merchant.timezone


def _order(link: PaymentLink, issued: list[Ticket]) -> TicketOrder:
    event = link.event
    return TicketOrder(
        merchant_name=link.merchant.name,
        order_reference=link.reference,
        title=link.title,
        event_reference=event.reference if event else None,
        event_name=event.title if event else None,
        event_place=event.place if event else None,
        event_starts_at=event.starts_at if event else None,
        event_timezone=event.timezone if event else None,
        amount=link.money,
        buyer_name=link.buyer_name,
        instructions=link.merchant.ticket_instructions,
        support_email=link.merchant.support_email,
        tickets=tuple(
            PrintedTicket(ticket.serial, ticket.code, ticket.number, len(issued))
            for ticket in issued
        ),
    )


def _link(token: str) -> PaymentLink:
    code = buyer_tokens.link_code(token)
    link = None
    if code is not None:
        link = db.session.scalar(
            select(PaymentLink)
            .where(PaymentLink.code == code, PaymentLink.state.in_(_PAID))
            .options(joinedload(PaymentLink.merchant), joinedload(PaymentLink.event))
        )
    if link is None:
        raise NotFoundError("there are no such tickets")
    return link


def _has_tickets(link_id: int) -> bool:
    return any(ticket.state is not TicketState.VOID for ticket in tickets.of_link(link_id))


def _is_printed(link_id: int) -> bool:
    found = db.session.scalar(select(exists().where(TicketDocument.link_id == link_id)))
    return bool(found)
