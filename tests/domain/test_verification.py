from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.side_by_side import meanwhile, side_by_side
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.states import AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, audit, check_leases, credentials, verification
from webapp.domain.payments.conclusions import Conclusion, Summary
from webapp.domain.payments.settlement import Outcome
from webapp.models import Alert, AttentionItem, PaymentAttempt
from webapp.providers.base import Unreadable


def make_due(make: Factories, *due: PaymentAttempt) -> None:
    for attempt in due:
        make.change(attempt, next_check_at=clock.now() - timedelta(seconds=1))


def run(told: Callable[[Conclusion], None] | None = None, *, rows: int = 1_000) -> Summary:
    return verification.run_due(Budget.of(seconds=30, rows=rows), told=told)


def pause_s(attempt: PaymentAttempt) -> float:
    """Return how long after its last read an attempt is read again."""
    due, last = fresh(attempt).next_check_at, attempt.last_read_at
    assert due is not None
    assert last is not None
    return (due - last).total_seconds()


def test_a_payment_that_nobody_told_us_of_is_found(at_bank: AtBank, make: Factories) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    make_due(make, attempt)
    assert run() == Summary(verified=1)
    assert fresh(attempt.link).state is LinkState.PAID
    assert (fresh(attempt).check_lease_token, attempt.last_read) == (None, "paid")
    assert audit.run().is_clean


def test_only_what_is_due_is_read(at_bank: AtBank, make: Factories) -> None:
    due, later, never, over = (at_bank.start() for _ in range(4))
    make_due(make, due, over)
    make.change(never, next_check_at=None)
    make.change(over, watch_until=clock.now())
    told: list[str] = []
    run(lambda conclusion: told.append(conclusion.reference))
    assert told == [due.reference]
    assert fresh(later).last_read_at is None
    assert run().total == 0


def test_two_runs_side_by_side_read_each_attempt_once(
    at_bank: AtBank, make: Factories, app: Flask
) -> None:
    due = [at_bank.start() for _ in range(12)]
    make_due(make, *due)
    told: list[str] = []  # both runs append to it
    summaries = side_by_side(app, [lambda: run(lambda one: told.append(one.reference))] * 2)
    assert sorted(told) == sorted(attempt.reference for attempt in due)
    assert sum(summary.total for summary in summaries) == 12


def test_more_attempts_than_one_lease_takes_are_read_in_one_run(make: Factories) -> None:
    # Nobody answers at this bank, which is the quickest bank there is.
    due = [make.pending() for _ in range(3)]
    make_due(make, *due)
    assert run(rows=2).total == 2
    assert run().total == 1


def test_what_somebody_waits_for_is_read_before_what_is_only_overdue(make: Factories) -> None:
    overdue = [make.pending() for _ in range(3)]
    make_due(make, *overdue)
    asked = Factories().pending(), make.pending()
    assert check_leases.pull_forward(asked[0].reference)
    attempts.note_return(asked[1].link_id)
    first = check_leases.take_due(limit=2, rooms={})
    assert {check.reference for check in first} == {attempt.reference for attempt in asked}
    assert [fresh(attempt).asked_at for attempt in asked] == [None, None]
    rest = check_leases.take_due(limit=9, rooms={})
    assert {check.reference for check in rest} == {attempt.reference for attempt in overdue}


def test_an_attempt_that_somebody_holds_is_passed_over(
    at_bank: AtBank, make: Factories, other: psycopg.Connection
) -> None:
    held, free = at_bank.start(), at_bank.start()
    make_due(make, held, free)
    with other.transaction():
        other.execute("SELECT 1 FROM payment_attempt WHERE id = %s FOR UPDATE", [held.id])
        assert run().total == 1
    assert run().total == 1


def test_an_attempt_that_is_being_read_is_nobody_elses(
    make: Factories, app: Flask, configure: Configure, other: psycopg.Connection
) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url, provider_timeout_s=2)
    attempt = make.pending()
    make_due(make, attempt)
    with meanwhile(app, run) as reading:
        try:
            bank.wait_for_a_call()
            assert verification.run_one(attempt.reference, actor="test") is None
            assert run().total == 0
        finally:
            bank.hang_up()
    assert reading.result() == Summary(errors=1)


def test_a_reader_that_died_leaves_the_attempt_to_the_next_one(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    lost = check_leases.take(attempt.reference)
    assert lost is not None
    assert fresh(attempt).next_check_at == attempt.check_lease_until
    assert run().total == 0
    past = clock.now() - timedelta(seconds=1)
    make.change(attempt, check_lease_until=past, next_check_at=past)
    assert run().total == 1
    due = fresh(attempt).next_check_at

    check_leases.give_back([(lost, Unreadable("came back from the dead"))])

    assert (fresh(attempt).next_check_at, attempt.unreadable_count) == (due, 0)


def test_a_check_that_is_pulled_forward_while_it_is_read_comes_again_at_once(
    make: Factories, app: Flask, configure: Configure, other: psycopg.Connection
) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url)
    attempt = make.pending()
    make_due(make, attempt)
    with meanwhile(app, lambda: run(rows=1)) as reading:
        try:
            bank.wait_for_a_call()
            attempts.note_return(attempt.link_id)
        finally:
            bank.hang_up()
    reading.result()
    assert fresh(attempt).check_lease_token is None
    assert pause_s(attempt) < 0


def test_a_check_that_nobody_pulls_forward_comes_at_its_pace(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    make_due(make, attempt)
    run()
    assert pause_s(attempt) == 5
    make.change(attempt, created_at=clock.now() - timedelta(minutes=5))
    make_due(make, attempt)
    run()
    assert pause_s(attempt) == 15


def test_a_bank_that_asks_us_to_wait_is_obeyed(at_bank: AtBank, make: Factories) -> None:
    attempt = at_bank.start()
    at_bank.script("read_unavailable", seconds=90)
    make_due(make, attempt)
    assert run() == Summary(errors=1)
    assert pause_s(attempt) == 90
    assert fresh(attempt).unreadable_count == 1
    assert attempt.last_read == "unreadable: status 503"
    verify(attempt)
    assert (fresh(attempt).unreadable_count, attempt.last_read) == (0, "open")


def spoil_credentials(make: Factories, attempt: PaymentAttempt) -> None:
    make.change(attempt.provider_account, credentials=b"of a key that is lost")


def make_the_adapter_fail(make: Factories, attempt: PaymentAttempt) -> None:
    without_a_key = credentials.seal({})
    make.change(attempt.provider_account, credentials=without_a_key)


def make_unsettleable(make: Factories, attempt: PaymentAttempt) -> None:
    # No ticket code can carry this reference, so the transaction of its money always fails.
    make.change(attempt.link, reference="a|b")


@pytest.mark.parametrize("spoil", [spoil_credentials, make_the_adapter_fail, make_unsettleable])
def test_a_row_that_always_fails_moves_its_own_clock_and_nobody_elses(
    at_bank: AtBank, make: Factories, spoil: Callable[[Factories, PaymentAttempt], None]
) -> None:
    elsewhere = AtBank(Factories())
    bad, good = elsewhere.start(), at_bank.start()
    for bank, attempt in ((elsewhere, bad), (at_bank, good)):
        bank.press(attempt, "lose")
    make_due(make, bad, good)
    spoil(make, bad)
    pauses = []
    for _ in range(3):
        make_due(make, bad)
        run(rows=2)
        pauses.append(pause_s(bad))
    assert pauses == [5, 10, 20]
    assert fresh(bad).state is AttemptState.PENDING
    assert fresh(good.link).state is LinkState.PAID


def test_an_answer_about_somebody_else_is_counted_for_a_person(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    for fault in ("read_other_account", "read_other_reference", "read_live"):
        at_bank.script(fault)
        assert verify(attempt) is Outcome.FOREIGN
    assert fresh(attempt).state is AttemptState.PENDING
    assert [item.subject for item in everything(AttentionItem)] == [attempt.reference]
    assert len(everything(Alert)) == 1
    assert verify(attempt) is Outcome.NOTHING_NEW


def test_one_cycle_counts_what_it_found(at_bank: AtBank, make: Factories) -> None:
    paid, declined, wrong, waiting = (at_bank.start() for _ in range(4))
    for attempt, button in ((paid, "lose"), (declined, "decline"), (wrong, "wrong")):
        at_bank.press(attempt, button)
    missing, unreadable = make.created(), Factories().pending()
    spoil_credentials(make, unreadable)
    make_due(make, paid, declined, wrong, waiting, missing, unreadable)
    summary = run()
    assert summary == Summary(verified=1, failed=1, pending=2, errors=2)
    assert summary.total == 6
    assert audit.run().is_clean


def test_an_attempt_that_is_not_there_cannot_be_read(at_bank: AtBank) -> None:
    with pytest.raises(NotFoundError):
        verification.run_one("att-of-nobody", actor="test")


def test_an_attempt_is_read_on_demand_whatever_its_clock_says(
    at_bank: AtBank, make: Factories
) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")
    make.change(attempt, next_check_at=None, watch_until=clock.now() - timedelta(days=1))
    assert verify(attempt) is Outcome.PAID
    assert fresh(attempt).next_check_at is None
