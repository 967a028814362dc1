"""The buyer's six pages as they are while something can still happen to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from tests.domain.situations import SITUATIONS
from tests.factories import Factories, everything, fresh, paid
from webapp.core import clock
from webapp.core.states import LinkState
from webapp.domain.payments import reviews, settlement
from webapp.models import PaymentAttempt, PaymentLink


@dataclass(frozen=True)
class Place:
    """One page.

    Args:
        pace_s: how often it asks.
        make: makes a link that this page shows.
        end: brings the link to where the page must be left.
        result: the page where it is then.
    """

    pace_s: float
    make: Callable[[Factories], PaymentLink]
    end: Callable[[Factories, PaymentLink], None]
    result: str


def _situation(name: str) -> Callable[[Factories], PaymentLink]:
    def make_link(make: Factories) -> PaymentLink:
        attempt = SITUATIONS[name](make)
        # Money could still come.
        make.change(attempt, watch_until=clock.now() + timedelta(hours=1))
        return fresh(attempt.link)

    return make_link


def _asks_for_an_address(make: Factories) -> PaymentLink:
    return make.link(buyer_email=None, ticket_count=0)


def _is_paid(make: Factories, link: PaymentLink) -> None:
    if link.state is LinkState.OPEN and not link.may_hold_money:
        make.change(link, buyer_email="ada@example.org")
        make.pending(link)
    (attempt,) = [
        one for one in everything(PaymentAttempt) if one.link_id == link.id and one.is_current
    ]
    settlement.apply(attempt.reference, paid(attempt), actor="test")


def _is_sent_back(make: Factories, link: PaymentLink) -> None:
    # No provider is there: the row is written as a refund would leave it.
    make.change(link, state=LinkState.REFUNDED, version=link.version + 1)


def _is_accepted(make: Factories, link: PaymentLink) -> None:
    reviews.accept(make.shop, link.code, actor="test")


PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "pay": Place(15, _asks_for_an_address, _is_paid, "success"),
        "processing": Place(3, _situation("open, pending"), _is_paid, "success"),
        "success": Place(3, _situation("paid"), _is_sent_back, "canceled"),
        "expired": Place(15, _situation("expired"), _is_paid, "success"),
        "canceled": Place(15, _situation("canceled"), _is_paid, "success"),
        "review": Place(30, _situation("in review"), _is_accepted, "success"),
    }
)
