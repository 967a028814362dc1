"""When links end by themselves."""

from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.closings import step
from tests.factories import Factories, everything, fresh, observed
from webapp.core import clock
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import expiry, settlement
from webapp.models import Alert, PaymentLink
from webapp.providers.base import ProviderState

SECOND = timedelta(seconds=5)


def lasts(link: PaymentLink) -> timedelta:
    return fresh(link).expires_at - clock.now()


def about(span: timedelta, expected: timedelta) -> bool:
    return expected - SECOND < span <= expected


@pytest.mark.parametrize(
    ("source", "life"), [("desk", timedelta(hours=24)), ("shop", timedelta(minutes=30))]
)
def test_where_nobody_says_when_the_way_it_was_made_decides(
    make: Factories, source: str, life: timedelta
) -> None:
    assert about(lasts(make.link(source=source)), life)


def test_the_times_are_settings(make: Factories, configure: Configure) -> None:
    configure(link_life_h=1, order_hold_s=60, max_age_hours=3)
    assert about(lasts(make.link()), timedelta(hours=1))
    order = make.link(source="shop")
    assert about(lasts(order), timedelta(minutes=1))
    make.pending(order)
    assert about(lasts(order), timedelta(hours=3))


def test_an_order_that_somebody_pays_gets_the_time_of_a_slow_payment(make: Factories) -> None:
    order, link = make.link(source="shop"), make.link()
    make.pending(order)
    make.pending(link)
    assert about(lasts(order), timedelta(hours=2))
    assert about(lasts(link), timedelta(hours=24))


def test_who_begins_again_and_again_does_not_hold_the_places_for_ever(make: Factories) -> None:
    order = make.link(source="shop")
    long_ago = clock.now() - timedelta(hours=2)
    make.change(order, opened_at=long_ago, expires_at=clock.now() + timedelta(minutes=1))
    make.pending(order)
    assert about(lasts(order), timedelta(minutes=30))


def test_it_gets_none_beyond_the_beginning_of_its_event_and_loses_none(make: Factories) -> None:
    event = make.event()
    order = make.link(source="shop", event=event)
    make.change(event, starts_at=clock.now() + timedelta(minutes=40))
    make.pending(order)
    assert about(lasts(order), timedelta(minutes=40))
    long = make.link(source="shop", expires_at=clock.now() + timedelta(hours=5))
    make.pending(long)
    assert about(lasts(long), timedelta(hours=5))


@pytest.mark.parametrize(("source", "alerts"), [("shop", 1), ("desk", 0)])
def test_of_an_order_that_somebody_began_to_pay_and_did_not_somebody_is_told_once(
    make: Factories, source: str, alerts: int
) -> None:
    attempt = make.pending(make.link(source=source))
    settlement.apply(attempt.reference, observed(attempt, ProviderState.OPEN), actor="test")
    link = attempt.link
    make.overdue(link)
    expiry.run_due(Budget.of(seconds=5))
    assert fresh(link).state is LinkState.OPEN, "nobody could be asked"
    assert everything(Alert) == []
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    make.change(attempt, watch_until=clock.now())
    step(make, link)
    assert fresh(link).state is LinkState.EXPIRED
    assert [alert.kind for alert in everything(Alert)] == ["order_expired"] * alerts
    assert expiry.run_due(Budget.of(seconds=5)).expired == 0
