"""Money that comes after a link's end: it buys the tickets, or a person decides. Never lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import AttemptState, CaptureState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, expiry, links, settlement, trails
from webapp.domain.payments.settlement import Outcome
from webapp.models import AttentionItem, Capture, Event, PaymentAttempt, PaymentLink, Ticket
from webapp.providers.base import ProviderState

HOUR = timedelta(hours=1)


def expire(make: Factories, attempt: PaymentAttempt) -> None:
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    make.overdue(attempt.link)
    expiry.run_due(Budget.of(seconds=20))
    assert fresh(attempt.link).state is LinkState.EXPIRED


def cancel(make: Factories, attempt: PaymentAttempt) -> None:
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    links.cancel(make.shop, attempt.link.code, actor="test")
    assert fresh(attempt.link).state is LinkState.CANCELED


End = Callable[[Factories, PaymentAttempt], None]
ENDS = pytest.mark.parametrize("end", [expire, cancel])


def settle(attempt: PaymentAttempt, *, ago: timedelta) -> Outcome:
    said = paid(attempt, paid_at=clock.now() - ago)
    return settlement.apply(attempt.reference, said, actor="test")


def sell_out(make: Factories, event: Event) -> None:
    make.link(event=event, ticket_count=2)


def assert_paid_late(link: PaymentLink) -> None:
    assert (fresh(link).state, link.seats_held) == (LinkState.PAID, 2)
    assert "paid_late" in [event.name for event in trails.of_link(link)]
    assert len(everything(Ticket)) == 2
    assert audit.run().is_clean


def assert_held(link: PaymentLink) -> None:
    assert (fresh(link).state, link.seats_held) == (LinkState.REVIEW, 0)
    assert "paid_late_unfulfilled" in [event.name for event in trails.of_link(link)]
    assert [capture.state for capture in everything(Capture)] == [CaptureState.HELD]
    assert [item.kind for item in everything(AttentionItem)] == ["late"]
    assert everything(Ticket) == []
    assert audit.run().is_clean


@ENDS
def test_late_money_buys_the_tickets_where_there_is_room(make: Factories, end: End) -> None:
    attempt = make.pending(event=make.event(capacity=2))
    end(make, attempt)
    assert settle(attempt, ago=-HOUR) is Outcome.PAID
    assert fresh(attempt).state is AttemptState.SUCCEEDED
    assert_paid_late(attempt.link)


@ENDS
def test_late_money_without_room_waits_for_a_person(make: Factories, end: End) -> None:
    event = make.event(capacity=2)
    attempt = make.pending(event=event)
    end(make, attempt)
    sell_out(make, event)
    assert settle(attempt, ago=-HOUR) is Outcome.HELD
    assert_held(attempt.link)


@ENDS
def test_late_money_waits_for_a_person_where_the_merchant_wishes_it(
    make: Factories, end: End
) -> None:
    make.change(make.shop, accepts_late_payments=False)
    attempt = make.pending(event=make.event(capacity=2))
    end(make, attempt)
    assert settle(attempt, ago=-HOUR) is Outcome.HELD
    assert_held(attempt.link)


@ENDS
def test_money_that_was_taken_before_the_end_is_not_late_however_late_we_saw_it(
    make: Factories, end: End
) -> None:
    make.change(make.shop, accepts_late_payments=False)
    attempt = make.pending(event=make.event(capacity=2))
    end(make, attempt)
    assert settle(attempt, ago=HOUR) is Outcome.PAID
    assert_paid_late(attempt.link)


def test_money_taken_in_time_without_room_waits_for_a_person(make: Factories) -> None:
    event = make.event(capacity=2)
    attempt = make.pending(event=event)
    expire(make, attempt)
    sell_out(make, event)
    assert settle(attempt, ago=HOUR) is Outcome.HELD
    assert_held(attempt.link)


def test_money_without_a_moment_counts_as_late(make: Factories) -> None:
    make.change(make.shop, accepts_late_payments=False)
    attempt = make.pending()
    expire(make, attempt)
    said = paid(attempt)
    said = replace(said, payments=(replace(said.payments[0], paid_at=None),))
    assert settlement.apply(attempt.reference, said, actor="test") is Outcome.HELD
    assert_held(attempt.link)


def test_late_money_of_another_amount_waits_for_a_person(make: Factories) -> None:
    attempt = make.pending()
    expire(make, attempt)
    said = paid(attempt, money=Money(1, "EUR"))
    assert settlement.apply(attempt.reference, said, actor="test") is Outcome.HELD
    assert fresh(attempt.link).state is LinkState.REVIEW
    assert [item.kind for item in everything(AttentionItem)] == ["mismatch"]
    assert audit.run().is_clean


def test_money_for_a_link_that_nobody_has_expired_yet_is_not_late(make: Factories) -> None:
    make.change(make.shop, accepts_late_payments=False)
    attempt = make.pending()
    make.overdue(attempt.link)
    assert settle(attempt, ago=-HOUR) is Outcome.PAID
    assert fresh(attempt.link).state is LinkState.PAID


def test_late_money_ends_the_doubt_about_a_link_that_was_given_up(make: Factories) -> None:
    attempt = make.pending()
    make.overdue(attempt.link)
    make.change(attempt, watch_until=clock.now())
    expiry.run_due(Budget.of(seconds=20))
    assert [item.kind for item in everything(AttentionItem)] == ["unverified"]

    settle(attempt, ago=HOUR)

    assert fresh(attempt.link).state is LinkState.PAID
    assert [(item.kind, item.state) for item in everything(AttentionItem)] == [
        ("unverified", "ENDED")
    ]
    assert audit.run().is_clean


def test_late_money_for_the_last_places_buys_them_once(make: Factories, app: Flask) -> None:
    event = make.event(capacity=4)
    attempts = [make.pending(event=event) for _ in range(2)]
    for attempt in attempts:
        expire(make, attempt)
    sell_out(make, event)  # two of the four places are left, and two links of two want them
    settle_all = [
        partial(settlement.apply, attempt.reference, paid(attempt), actor="test")
        for attempt in attempts
    ]

    outcomes = side_by_side(app, settle_all)

    assert sorted(outcomes) == [Outcome.HELD, Outcome.PAID]
    assert sum(link.seats_held for link in everything(PaymentLink)) == 4
    assert audit.run().is_clean
