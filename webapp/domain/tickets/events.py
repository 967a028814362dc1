"""Events: the dated things that one holds tickets for."""

from datetime import datetime
from zoneinfo import available_timezones

from sqlalchemy import select

from webapp.core import text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Event, Merchant


def make(
    merchant: Merchant,
    *,
    title: str,
    place: str | None,
    starts_at: datetime,
    timezone: str,
    capacity: int | None,
) -> Event:
    """Write an event.

    Args:
        merchant: whose it is.
        title: its name.
        place: where it is.
        starts_at: an aware moment.
        timezone: the IANA name of the zone in which its times are told.
        capacity: how many it has room for; None is as many as come.

    Raises:
        InvalidInputError: a value cannot be accepted.
    """
    if timezone not in available_timezones():
        raise InvalidInputError("timezone", "must be a name such as Europe/Berlin")
    if capacity is not None and capacity < 0:
        raise InvalidInputError("capacity", "must not be negative")
    with transaction():
        event = Event(
            merchant_id=merchant.id,
            title=text.one_line("title", title, 200),
            place=text.one_line("place", place, 200) if place else None,
            starts_at=starts_at,
            timezone=timezone,
            capacity=capacity,
        )
        db.session.add(event)
    return event


def get(merchant: Merchant, reference: str) -> Event:
    """Return one of the merchant's events.

    Raises:
        NotFoundError: the merchant has no such event.
    """
    event = db.session.scalar(
        select(Event).where(Event.merchant_id == merchant.id, Event.reference == reference)
    )
    if event is None:
        raise NotFoundError("there is no such event")
    return event
