"""Closing at a real bank: close, read every watched attempt, and only then take the edge."""

import psycopg
import pytest
from flask import Flask

from tests.domain.at_bank import AtBank, verify
from tests.domain.closings import cancel, overdue, step
from tests.domain.side_by_side import meanwhile
from tests.factories import Factories, fresh, paid
from tests.sandbox.process import eventually
from webapp.core.errors import LinkNotPayableError, PaymentInFlightError
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, closing_rounds, expiry, settlement, trails
from webapp.domain.payments.settlement import Outcome


def test_a_canceled_link_is_canceled_once_its_checkout_is_closed(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start(event=make.event(capacity=2))
    link = cancel(make, attempt)
    assert step(make, link) == 1
    assert (fresh(link).state, link.closing_for, link.seats_held) == (LinkState.CANCELED, None, 0)
    assert fresh(attempt).state is AttemptState.CANCELED
    assert at_bank.shows_closed(attempt)
    assert fresh(attempt.session).state is SessionState.INTERRUPTED
    assert [event.name for event in trails.of_link(link)][-4:] == [
        "closing_begun",
        "attempt_canceled",
        "payment_interrupted",
        "link_canceled",
    ]
    assert step(make, link) == 0
    assert audit.run().is_clean


def test_an_overdue_link_is_marked_closed_and_expired_in_one_run(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    make.overdue(attempt.link)
    assert expiry.run_due(Budget.of(seconds=30)) == expiry.Summary(0, marked=1, closing_steps=1)
    assert (fresh(attempt.link).state, attempt.link.closing_for) == (LinkState.EXPIRED, None)
    assert fresh(attempt).state is AttemptState.EXPIRED
    assert at_bank.shows_closed(attempt)
    assert audit.run().is_clean


def test_money_that_came_before_the_closing_wins(at_bank: AtBank, make: Factories) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    link = cancel(make, attempt)
    step(make, link)
    assert (fresh(link).state, link.closing_for) == (LinkState.PAID, None)
    assert step(make, link) == 0
    assert audit.run().is_clean


def test_money_that_comes_after_the_closing_is_still_taken_in(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "late")
    link = cancel(make, attempt)
    step(make, link)
    assert fresh(link).state is LinkState.CANCELED
    eventually(at_bank.ledger)
    assert verify(attempt) is Outcome.PAID
    assert fresh(link).state is LinkState.PAID
    assert fresh(attempt).state is AttemptState.SUCCEEDED
    assert audit.run().is_clean


def test_money_that_arrives_between_the_reads_and_the_edge_wins(
    at_bank: AtBank, make: Factories, app: Flask
) -> None:
    link = make.link()
    first = at_bank.start(link)
    at_bank.press(first, "decline")
    verify(first)
    second = at_bank.start(link)
    cancel(make, second)
    said = paid(first)
    # The first is read at once; while the second is read slowly, the first is paid after all.
    at_bank.script("read_processing")
    at_bank.script("read_slow", seconds=2)
    with meanwhile(app, lambda: closing_rounds.run_due(Budget.of(seconds=30))) as closing:
        eventually(lambda: at_bank.shows_closed(second))
        assert settlement.apply(first.reference, said, actor="test") is Outcome.PAID
        assert not closing.done()
    assert closing.result() == 1
    assert (fresh(link).state, link.closing_for) == (LinkState.PAID, None)
    assert audit.run().is_clean


def test_a_request_that_is_still_on_its_way_holds_the_closing_up(
    at_bank: AtBank, make: Factories
) -> None:
    at_bank.script("create_lost")
    attempt = at_bank.start()
    link = cancel(make, attempt)
    step(make, link)
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, "cancel")
    assert fresh(attempt).missing_count == 1


def test_a_checkout_whose_answer_was_lost_is_found_and_then_closed(
    at_bank: AtBank, make: Factories
) -> None:
    at_bank.script("create_never", seconds=0)
    attempt = at_bank.start()
    link = cancel(make, attempt)
    step(make, link)
    assert (fresh(link).state, fresh(attempt).state) == (LinkState.OPEN, AttemptState.PENDING)
    step(make, link)
    assert (fresh(link).state, fresh(attempt).state) == (LinkState.CANCELED, AttemptState.CANCELED)
    assert audit.run().is_clean


def test_an_overdue_link_waits_while_its_checkout_cannot_be_closed(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    at_bank.script("close_refused", times=2)
    link = overdue(make, attempt)
    for failures in (1, 2):
        step(make, link)
        assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, "expiry")
        assert link.closing_failures == failures
    step(make, link)
    assert fresh(link).state is LinkState.EXPIRED
    assert audit.run().is_clean


@pytest.mark.parametrize("fault", ["read_unavailable", "read_malformed", "down"])
def test_an_overdue_link_waits_while_the_bank_cannot_be_read(
    at_bank: AtBank, make: Factories, fault: str
) -> None:
    attempt = at_bank.start()
    link = overdue(make, attempt)
    at_bank.script(fault, seconds=600)
    step(make, link)
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, "expiry")
    assert fresh(attempt).state is AttemptState.PENDING
    at_bank.script("down", seconds=0)
    step(make, link)
    assert fresh(link).state is LinkState.EXPIRED
    assert audit.run().is_clean


def test_a_link_waits_until_every_watched_attempt_was_read(
    at_bank: AtBank, make: Factories
) -> None:
    link = make.link()
    first = at_bank.start(link)
    at_bank.press(first, "decline")
    verify(first)
    second = at_bank.start(link)
    cancel(make, second)
    at_bank.script("read_unavailable")  # for the first, which could have been paid after all
    step(make, link)
    assert (fresh(second).state, fresh(link).may_hold_money) == (AttemptState.CANCELED, False)
    assert (link.state, link.closing_for) == (LinkState.OPEN, "cancel")
    step(make, link)
    assert fresh(link).state is LinkState.CANCELED
    assert audit.run().is_clean


def test_a_cancel_that_keeps_failing_is_given_up_and_the_link_is_payable_again(
    at_bank: AtBank, make: Factories, other: psycopg.Connection
) -> None:
    attempt = at_bank.start()
    link = cancel(make, attempt)
    at_bank.script("down", seconds=600)
    for _ in range(7):
        step(make, link)
    assert (fresh(link).closing_for, link.closing_failures) == ("cancel", 7)
    step(make, link)
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, None)
    assert trails.of_link(link)[-1].name == "closing_abandoned"
    with pytest.raises(PaymentInFlightError):
        at_bank.press_pay(link)

    at_bank.script("down", seconds=0)
    at_bank.press(attempt, "decline")
    assert verify(attempt) is Outcome.ENDED
    assert at_bank.press_pay(link).url is not None


def test_no_payment_begins_while_a_link_is_being_closed(at_bank: AtBank, make: Factories) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "decline")
    link = cancel(make, attempt)
    verify(attempt)
    assert not fresh(link).may_hold_money
    with pytest.raises(LinkNotPayableError):
        at_bank.press_pay(link)
    step(make, link)
    assert fresh(link).state is LinkState.CANCELED
