"""Places at an event: held by open links, freed by their end, never sold twice."""

from sqlalchemy import func, select

from webapp.domain.transaction import lock, require_locked
from webapp.extensions import db
from webapp.models import Event, PaymentLink


def reserve(link: PaymentLink) -> bool:
    """Hold the link's places under the event's lock; return whether there was room.

    A link without an event, or one that holds its places already, has room. The caller holds the
    link's lock, and no session's, attempt's or ticket's: the event comes before them.
    """
    require_locked(link)
    if link.event_id is None or link.seats_held == link.ticket_count:
        return True
    event = lock(Event, Event.id == link.event_id)
    if event.capacity is not None:
        held = select(func.coalesce(func.sum(PaymentLink.seats_held), 0)).where(
            PaymentLink.event_id == event.id, PaymentLink.seats_held > 0
        )
        taken: int = db.session.scalars(held).one()
        if taken + link.ticket_count > event.capacity:
            return False
    link.seats_held = link.ticket_count
    return True


def release(link: PaymentLink) -> None:
    """Give the link's places back. The caller holds the link's lock."""
    require_locked(link)
    link.seats_held = 0
