"""Closing under bad luck: lost leases, rows that always fail, banks that nobody can read."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from tests.domain.at_bank import AtBank
from tests.domain.closings import cancel, overdue, pauses_for, step
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.states import AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, closing, closing_rounds, credentials, settlement
from webapp.domain.transaction import TransactionError, lock, transaction
from webapp.models import AttentionItem, PaymentAttempt, PaymentLink
from webapp.providers.base import ProviderState


def run() -> int:
    return closing_rounds.run_due(Budget.of(seconds=30))


def test_a_link_is_marked_only_under_its_lock(make: Factories) -> None:
    link = make.pending().link
    with transaction(), pytest.raises(TransactionError):
        closing.mark(link, closing.RETRY, actor="test")
    with transaction(), pytest.raises(TransactionError):
        closing.lift(link)


def test_an_overdue_link_waits_ever_longer_for_a_bank_that_nobody_can_read(
    make: Factories,
) -> None:
    link = overdue(make, make.pending())
    for pause_s in (15, 30, 60, 120, 240, 300, 300):
        assert pauses_for(make, link, pause_s)
    assert fresh(link).state is LinkState.OPEN


def test_a_cancel_is_tried_again_at_a_steady_pace(make: Factories) -> None:
    link = cancel(make, make.pending())
    for _ in range(3):
        assert pauses_for(make, link, 15)


@pytest.mark.parametrize("answered", [False, True])
def test_a_link_that_could_not_be_read_until_the_last_moment_ends_with_a_question(
    make: Factories, *, answered: bool
) -> None:
    attempt = make.pending() if answered else make.created()
    link = overdue(make, attempt)
    make.change(attempt, watch_until=clock.now() + timedelta(minutes=1))
    step(make, link)
    assert fresh(link).state is LinkState.OPEN

    make.change(attempt, watch_until=clock.now() - timedelta(minutes=1))
    step(make, link)

    assert (fresh(link).state, link.closing_for) == (LinkState.EXPIRED, None)
    assert fresh(attempt).state is (AttemptState.EXPIRED if answered else AttemptState.FAILED)
    asked = [(item.kind, item.subject, item.state) for item in everything(AttentionItem)]
    assert asked == [("unverified", link.reference, "OPEN")]
    assert audit.run().is_clean


def test_the_last_moment_is_that_of_the_attempt_that_is_watched_longest(make: Factories) -> None:
    link = make.link()
    old = make.pending(link)
    settlement.apply(old.reference, observed(old, ProviderState.CLOSED), actor="test")
    new = make.pending(link)
    overdue(make, new)
    make.change(old, state=AttemptState.PENDING, watch_until=clock.now() - timedelta(minutes=1))
    step(make, link)
    assert (fresh(link).state, fresh(new).state) == (LinkState.OPEN, AttemptState.PENDING)


def test_a_worker_that_lost_its_lease_changes_nothing(make: Factories) -> None:
    attempt = make.pending()
    link = cancel(make, attempt)
    slow = closing_rounds._lease_one()
    assert slow is not None
    assert closing_rounds._lease_one() is None
    make.change(link, closing_due_at=clock.now())
    quick = closing_rounds._lease_one()
    assert quick is not None
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")

    closing_rounds._finish(slow, is_readable=True, stays={})
    assert fresh(link).state is LinkState.OPEN
    closing_rounds._finish(quick, is_readable=True, stays={})
    assert fresh(link).state is LinkState.CANCELED
    closing_rounds._finish(quick, is_readable=True, stays={})
    assert audit.run().is_clean


def test_a_worker_that_died_leaves_the_link_to_the_next_one(make: Factories) -> None:
    link = cancel(make, make.pending())
    assert closing_rounds._lease_one()
    assert run() == 0
    assert step(make, link) == 1


def test_money_between_the_reads_and_the_edge_lifts_the_mark(make: Factories) -> None:
    attempt = make.pending()
    link = cancel(make, attempt)
    lease = closing_rounds._lease_one()
    assert lease is not None
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    settlement.apply(attempt.reference, paid(attempt), actor="test")

    closing_rounds._finish(lease, is_readable=True, stays={})

    assert (fresh(link).state, link.closing_for, link.closing_lease_token) == (
        LinkState.PAID,
        None,
        None,
    )
    assert audit.run().is_clean


def test_a_mark_that_an_ended_link_still_carries_is_lifted(make: Factories) -> None:
    link = make.link()
    make.change(link, closing_for="cancel", closing_since=clock.now(), closing_due_at=clock.now())
    make.change(link, state=LinkState.CANCELED, ended_at=clock.now())
    assert run() == 1
    assert (fresh(link).state, link.closing_for) == (LinkState.CANCELED, None)
    assert run() == 0


def test_a_retry_leaves_the_link_open(make: Factories) -> None:
    attempt = make.pending()
    link = attempt.link
    settlement.apply(attempt.reference, observed(attempt, ProviderState.FAILED), actor="test")
    with transaction():
        closing.mark(lock(PaymentLink, PaymentLink.id == link.id), closing.RETRY, actor="test")
    make.change(attempt, watch_until=clock.now())
    assert run() == 1
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, None)
    assert make.pending(link).is_current


def make_unreadable(make: Factories, attempt: PaymentAttempt) -> None:
    make.change(attempt.provider_account, credentials=b"of a key that is lost")


def make_the_adapter_fail(make: Factories, attempt: PaymentAttempt) -> None:
    without_a_key = credentials.seal({})
    make.change(attempt.provider_account, credentials=without_a_key)


def make_unsettleable(make: Factories, attempt: PaymentAttempt) -> None:
    # No ticket code can carry this reference, so the transaction of its money always fails.
    make.change(attempt.link, reference="a|b")


@pytest.mark.parametrize("spoil", [make_unreadable, make_the_adapter_fail, make_unsettleable])
def test_a_link_that_always_fails_keeps_nobody_waiting_and_is_not_forgotten(
    at_bank: AtBank, make: Factories, spoil: Callable[[Factories, PaymentAttempt], None]
) -> None:
    elsewhere = Factories()
    bad = AtBank(elsewhere).start()
    AtBank(elsewhere).press(bad, "pay")
    good = at_bank.start()
    for maker, attempt in ((elsewhere, bad), (make, good)):
        overdue(maker, attempt)
    spoil(make, bad)

    assert run() == 2

    assert fresh(good.link).state is LinkState.EXPIRED
    assert (fresh(bad.link).state, bad.link.closing_failures) == (LinkState.OPEN, 1)

    make.change(bad, watch_until=clock.now())
    step(make, bad.link)
    assert fresh(bad.link).state is LinkState.EXPIRED
    assert [item.kind for item in everything(AttentionItem)] == ["unverified"]


def test_a_link_that_somebody_holds_is_closed_another_time(
    at_bank: AtBank, make: Factories, other: psycopg.Connection
) -> None:
    held, free = cancel(make, at_bank.start()), cancel(make, at_bank.start())
    with other.transaction():
        other.execute("SELECT 1 FROM payment_link WHERE id = %s FOR UPDATE", [held.id])
        assert run() == 1
    assert run() == 1
    assert {fresh(held).state, fresh(free).state} == {LinkState.CANCELED}
    assert audit.run().is_clean


def test_a_run_takes_no_more_than_its_budget(at_bank: AtBank, make: Factories) -> None:
    for _ in range(3):
        cancel(make, at_bank.start())
    assert closing_rounds.run_due(Budget.of(seconds=30, rows=2)) == 2
    assert closing_rounds.run_due(Budget.of(seconds=0)) == 0
    assert run() == 1
