"""Tickets: issued once, with the transaction that makes a link PAID."""

from sqlalchemy import select

from webapp.core.ticket_code import NO_EVENT, TicketClaim
from webapp.domain.transaction import require_locked
from webapp.extensions import db, settings
from webapp.models import PaymentLink, Ticket


def issue(link: PaymentLink) -> None:
    """Write the link's tickets, numbered and signed, in this transaction.

    A second call would break the unique number within the link, and with it the transaction: money
    that is told twice never makes a second set.
    """
    require_locked(link)
    event_reference = link.event.reference if link.event else NO_EVENT
    signer = settings.signer
    for number in range(1, link.ticket_count + 1):
        serial = f"{link.reference}-{number}"
        claim = TicketClaim(serial, link.reference, event_reference)
        db.session.add(
            Ticket(
                link_id=link.id,
                event_id=link.event_id,
                number=number,
                serial=serial,
                code=signer.sign(claim),
            )
        )


def of_link(link_id: int) -> list[Ticket]:
    """Return a link's tickets in their order."""
    query = select(Ticket).where(Ticket.link_id == link_id).order_by(Ticket.number)
    return list(db.session.scalars(query))
