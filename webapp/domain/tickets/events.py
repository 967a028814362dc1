"""Events: the dated things that one holds tickets for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.core import clock, text, wall_clock
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Event, Merchant

MAX_TEXT = 200
MAX_CAPACITY = 1_000_000
MAX_AHEAD = timedelta(days=3_653)

# So many are offered to choose from.
_MOST_UPCOMING = 200


@dataclass(frozen=True)
class Plan:
    """An event to come: title, place, an aware moment, the zone its times are told in, capacity.

    It is checked when the event is written. Without a capacity it has room for as many as come.
    """

    title: str
    place: str | None
    starts_at: datetime
    timezone: str
    capacity: int | None


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
    with transaction():
        return write(merchant, Plan(title, place, starts_at, timezone, capacity))


def write(merchant: Merchant, plan: Plan) -> Event:
    """Write an event, in this transaction; see `make`."""
    wall_clock.check_timezone(plan.timezone)
    if plan.capacity is not None and not 0 <= plan.capacity <= MAX_CAPACITY:
        raise InvalidInputError("capacity", f"must be 0 to {MAX_CAPACITY}")
    check_start(plan.starts_at)
    event = Event(
        merchant_id=merchant.id,
        title=text.one_line("title", plan.title, MAX_TEXT),
        place=text.one_line("place", plan.place, MAX_TEXT) if plan.place else None,
        starts_at=plan.starts_at,
        timezone=plan.timezone,
        capacity=plan.capacity,
    )
    db.session.add(event)
    db.session.flush()
    return event


def check_start(starts_at: datetime) -> None:
    """Refuse a beginning that no new event can have.

    Raises:
        InvalidInputError: it is over, or ten years away.
    """
    if starts_at <= clock.now():
        raise InvalidInputError("starts_at", "must be in the future")
    if starts_at > clock.now() + MAX_AHEAD:
        raise InvalidInputError("starts_at", "must be within ten years")


def upcoming(merchant: Merchant) -> list[Event]:
    """Return the merchant's events that have not begun, the next one first."""
    query = select(Event).where(Event.merchant_id == merchant.id, Event.starts_at > clock.now())
    return list(db.session.scalars(query.order_by(Event.starts_at, Event.id).limit(_MOST_UPCOMING)))


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
