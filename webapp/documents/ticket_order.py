"""What a buyer paid for, as tickets and emails tell it."""

from dataclasses import dataclass
from datetime import datetime

from webapp.core.money import Money


@dataclass(frozen=True)
class PrintedTicket:
    """One admission: its serial, its signed code, and that it is number `position` of `of`."""

    serial: str
    code: str
    position: int
    of: int


@dataclass(frozen=True)
class TicketOrder:
    """One paid order. What is None is not known and is not printed.

    `event_starts_at` is an aware moment and `event_timezone` the IANA name of the zone in which it
    is told: neither comes without the other.
    """

    merchant_name: str
    order_reference: str
    title: str
    event_reference: str | None
    event_name: str | None
    event_place: str | None
    event_starts_at: datetime | None
    event_timezone: str | None
    amount: Money
    buyer_name: str | None
    instructions: str | None
    support_email: str | None
    tickets: tuple[PrintedTicket, ...]

    def __post_init__(self) -> None:
        """Refuse a moment that nobody could write down."""
        if (self.event_starts_at is None) != (self.event_timezone is None):
            raise ValueError("an event's start and its time zone come together")
        if self.event_starts_at is not None and self.event_starts_at.tzinfo is None:
            raise ValueError("an event's start needs a time zone")

    @property
    def subject(self) -> str:
        """What it was paid for, in the fewest words: the event, or the link's title."""
        return self.event_name or self.title
