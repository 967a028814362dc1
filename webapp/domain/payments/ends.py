"""When a link ends by itself: all of it in this one place, by settings.

A link made at the desk stays open for a day, unless somebody says otherwise. An order from an
event's page holds its places for half an hour; once a payment was begun it gets the time that a
slow one takes. Either way it ends only after its provider was asked: see `expiry`.
"""

from datetime import datetime, timedelta
from typing import Final

from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.domain.messages import alerts
from webapp.domain.transaction import database_now, require_locked
from webapp.extensions import settings
from webapp.models import Event, PaymentLink

MAX_LIFE: Final = timedelta(days=366)

SHOP: Final = "shop"


def first(source: str) -> datetime:
    """Return the end of a link that is made now, where nobody says when."""
    if source == SHOP:
        return clock.now() + timedelta(seconds=settings.order_hold_s)
    return clock.now() + timedelta(hours=settings.link_life_h)


def extend(link: PaymentLink) -> None:
    """Give an order from an event's page the time that a payment may take, which begins now.

    The caller holds the link's lock. The end never comes nearer by it; and however often somebody
    begins anew, it comes so long after the hold at the latest.
    """
    require_locked(link)
    if link.source == SHOP and link.opened_at is not None:
        age = timedelta(hours=settings.max_age_hours)
        latest = link.opened_at + timedelta(seconds=settings.order_hold_s) + age
        end = min(database_now() + age, latest)
        if link.event is not None:
            end = min(end, link.event.starts_at)
        link.expires_at = max(link.expires_at, end)


def check(expires_at: datetime) -> None:
    """Let pass what can be an end.

    Raises:
        InvalidInputError: it has passed already, or is more than a year away.
    """
    if expires_at <= clock.now():
        raise InvalidInputError("expires_at", "must be in the future")
    if expires_at > clock.now() + MAX_LIFE:
        raise InvalidInputError("expires_at", f"must be within {MAX_LIFE.days} days")


def before(event: Event | None, expires_at: datetime) -> datetime:
    """Return the end of a link for an event: when the event begins, at the latest.

    Raises:
        InvalidInputError: the event has begun.
    """
    if event is None:
        return expires_at
    if event.starts_at <= clock.now():
        raise InvalidInputError("event", "has begun already")
    return min(expires_at, event.starts_at)


def tell(link: PaymentLink) -> None:
    """Tell of an order that somebody began to pay and that has ended unpaid; once."""
    if link.source == SHOP:
        alerts.raise_once(
            "alert",
            "order_expired",
            subject=link.reference,
            headline=f"Order Expired - {link.reference}",
            body=(
                f"A buyer began to pay {link.money} for order {link.reference}, and it was not"
                " paid in time. The provider was asked before it ended."
            ),
            merchant_id=link.merchant_id,
            path=f"/desk/links/{link.reference}",
        )
