"""An order in, a calendar entry out."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from webapp.documents.ticket_order import TicketOrder

_MAKER: Final = "-//Tillgate//Tickets//EN"


def entry(order: TicketOrder, *, domain: str, made_at: datetime) -> bytes:
    """Write the event of an order for calendar programs (RFC 5545).

    It has a start and no end: nobody told us one. Its UID is the event's and not the order's, so
    that a second order, or a corrected day, replaces the entry and makes no second one.

    Args:
        order: one with an event.
        domain: the right half of the UID: our own, which makes it the only one in the world.
        made_at: an aware moment; calendar programs keep the entry that was made last.

    Raises:
        ValueError: the order is for no event.
    """
    starts_at, timezone = order.event_starts_at, order.event_timezone
    if starts_at is None or timezone is None:
        raise ValueError("an order without an event has no day")
    starts_there = starts_at.astimezone(ZoneInfo(timezone))
    event = Event()
    event.add("uid", f"{order.event_reference}@{domain}")
    event.add("dtstamp", made_at)
    event.add("dtstart", starts_there)
    event.add("summary", order.subject)
    if order.event_place:
        event.add("location", order.event_place)
    event.add("description", f"{order.merchant_name}\nOrder {order.order_reference}")
    calendar = Calendar()
    calendar.add("prodid", _MAKER)
    calendar.add("version", "2.0")
    calendar.add_component(event)
    # The zone's rules of the years around: all that they are needed for.
    year = starts_there.year
    calendar.add_missing_timezones(first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written
