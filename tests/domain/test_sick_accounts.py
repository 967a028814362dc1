"""One account whose provider says nothing, and all the others, who shall notice nothing of it."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.closings import cancel, overdue
from tests.domain.side_by_side import side_by_side
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything, fresh, observed
from tests.providers.dribbling import dribbling
from webapp.core import clock
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, check_leases, closing_rounds, settlement, verification
from webapp.domain.payments.conclusions import Conclusion
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers.base import CloseAnswer, Found, Handle, ProviderState, Read, Unreadable
from webapp.providers.connection import Connection

TIMEOUT_S = 1.0
SILENT = Unreadable("timed out", is_silent=True)


def all_due() -> None:
    """Let every attempt be due since a second."""
    with transaction():
        past = clock.now() - timedelta(seconds=1)
        db.session.execute(update(PaymentAttempt).values(next_check_at=past))


def run(seconds: float = 30, told: Callable[[Conclusion], None] | None = None) -> int:
    return verification.run_due(Budget.of(seconds=seconds), told=told).total


def answers(
    monkeypatch: pytest.MonkeyPatch, sick: Factories, answer: Read, *, after_s: float = 0
) -> None:
    """Let the account of one shop answer like this, and all others that the checkout is closed."""
    account = accounts.active(sick.shop).external_account
    said = {
        attempt.reference: Found(observed(attempt, ProviderState.CLOSED))
        for attempt in everything(PaymentAttempt)
    }

    def read(self: Connection, handle: Handle, *, timeout_s: float) -> Read:
        if self.access.account != account:
            return said[handle.reference]
        time.sleep(min(after_s, timeout_s))
        return answer

    def close(self: Connection, _checkout_id: str, *, timeout_s: float) -> CloseAnswer:
        if self.access.account == account:
            time.sleep(min(after_s, timeout_s))
        return CloseAnswer.UNKNOWN

    monkeypatch.setattr(Connection, "read", read)
    monkeypatch.setattr(Connection, "close", close)


@pytest.mark.parametrize("answer", [SILENT, Unreadable("answered slowly, and nonsense")])
def test_many_reads_of_a_silent_account_do_not_delay_another_accounts(
    make: Factories, configure: Configure, monkeypatch: pytest.MonkeyPatch, answer: Unreadable
) -> None:
    configure(provider_timeout_s=2 * TIMEOUT_S)
    for _ in range(60):
        make.pending()
    all_due()
    well = Factories().pending()
    answers(monkeypatch, make, answer, after_s=2 * TIMEOUT_S)
    make.change(well, next_check_at=clock.now() + timedelta(seconds=0.2))
    began, read_after = time.monotonic(), []

    def told(conclusion: Conclusion) -> None:
        if conclusion.reference == well.reference:
            read_after.append(time.monotonic() - began)

    run(2, told)
    assert read_after
    assert read_after[0] < 1.5 * TIMEOUT_S


def test_an_account_that_is_silent_rests_and_few_of_its_attempts_try_again(
    make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = [make.pending() for _ in range(25)]
    well = Factories()
    others = [well.pending() for _ in range(5)]
    answers(monkeypatch, make, SILENT)
    for planned_s in (5, 10, 20):
        all_due()
        before = clock.now()
        reads: list[str] = []
        run(told=lambda one, reads=reads: reads.append(one.reference))  # type: ignore[misc]
        asked = [reference for reference in reads if reference in {one.reference for one in sick}]
        assert 3 <= len(asked) <= 10
        spared = [fresh(one) for one in sick if one.reference not in asked]
        pauses = {round((due_at(one) - before).total_seconds()) for one in spared}
        assert pauses == {planned_s}
    assert {fresh(one).unreadable_count for one in others} == {0}
    assert run() == 0


def test_an_account_that_asks_us_to_wait_is_obeyed_for_all_its_attempts(
    make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = [make.pending() for _ in range(12)]
    all_due()
    answers(monkeypatch, make, Unreadable("status 429", 90))
    assert run() <= 10
    now = clock.now()
    assert {round((due_at(one) - now).total_seconds(), -1) for one in attempts} == {90}


def test_an_account_that_rests_is_still_read_before_the_watch_ends(
    make: Factories, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(check_per_account=1)
    first, second = make.pending(), make.pending()
    all_due()
    make.change(first, next_check_at=clock.now() - timedelta(seconds=9))
    make.change(second, watch_until=clock.now() + timedelta(minutes=30))
    answers(monkeypatch, make, Unreadable("status 429", 3600))
    assert run() == 1
    assert second.watch_until - due_at(second) == timedelta(minutes=1)


def test_answers_that_make_no_sense_let_nobody_rest(
    make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(25):
        make.pending()
    all_due()
    answers(monkeypatch, make, Unreadable("not understood"))
    assert run() == 25


def test_a_buyer_who_waits_pulls_a_read_forward_unless_the_last_one_failed(
    make: Factories,
) -> None:
    attempt = make.pending()
    later = clock.now() + timedelta(minutes=5)
    make.change(attempt, next_check_at=later)
    assert check_leases.pull_forward(attempt.reference)
    assert due_at(attempt) <= clock.now()
    assert not check_leases.pull_forward(attempt.reference)

    make.change(attempt, next_check_at=later, unreadable_count=1)
    assert not check_leases.pull_forward(attempt.reference)

    make.change(attempt, unreadable_count=0)
    assert check_leases.take(attempt.reference) is not None
    assert not check_leases.pull_forward(attempt.reference)

    make.change(attempt, next_check_at=None, check_lease_token=None, check_lease_until=None)
    assert not check_leases.pull_forward(attempt.reference)
    assert fresh(attempt).next_check_at is None


def test_four_runs_side_by_side_read_many_attempts_of_three_accounts_once(
    at_bank: AtBank, make: Factories, app: Flask
) -> None:
    shops = [make, Factories(), Factories()]
    for shop in shops:
        bank = AtBank(shop)
        for _ in range(14):
            bank.start()
    all_due()
    told: list[str] = []  # all runs append to it
    side_by_side(app, [lambda: run(told=lambda one: told.append(one.reference))] * 4)
    assert sorted(told) == sorted(one.reference for one in everything(PaymentAttempt))


def test_a_bank_that_dribbles_does_not_hold_a_sweep(make: Factories, configure: Configure) -> None:
    with dribbling("a header") as url:
        configure(sandbox_url=url, provider_timeout_s=0.5)
        attempt = make.pending()
        all_due()
        began = time.monotonic()
        assert run(seconds=1) == 1
        assert time.monotonic() - began < 1.5
    assert fresh(attempt).last_read == "unreadable: timed out"


def test_a_read_that_keeps_no_deadline_is_given_up_and_holds_nobody(
    make: Factories, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(provider_timeout_s=0.1)
    stuck = make.pending()
    all_due()
    is_over = threading.Event()

    def read(_self: Connection, _handle: Handle, *, timeout_s: float) -> Read:
        is_over.wait(600 * timeout_s)
        return SILENT

    monkeypatch.setattr(Connection, "read", read)
    began = time.monotonic()
    try:
        assert run(seconds=1) == 1
        assert time.monotonic() - began < 5
    finally:
        is_over.set()
    assert fresh(stuck).last_read == "unreadable: no end in sight"
    assert (stuck.check_lease_token, stuck.unreadable_count) == (None, 1)


@pytest.mark.drill
def test_a_link_with_many_attempts_at_a_silent_bank_is_counted_by_two_workers_too(
    make: Factories, app: Flask, configure: Configure
) -> None:
    link = many_watched(make, 7)
    bank = SilentBank()
    configure(sandbox_url=bank.url, provider_timeout_s=0.4, closing_lease_s=2, closing_retry_s=0.5)
    try:
        work_for(app, seconds=5)
    finally:
        bank.hang_up()
    assert fresh(link).closing_failures >= 2


def test_a_step_ends_before_its_lease_however_much_there_is_to_read(
    make: Factories, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = many_watched(make, 30)
    answers(monkeypatch, make, Unreadable("answered slowly, and nonsense"), after_s=0.5)
    configure(closing_lease_s=1.2, check_per_account=2)
    began = time.monotonic()
    assert closing_rounds.run_due(Budget.of(seconds=0.1)) == 1
    assert time.monotonic() - began < 1.2 + 0.3
    assert fresh(link).closing_failures == 1


@pytest.mark.drill
def test_fifteen_hung_links_of_one_account_do_not_delay_another_merchants_cancel(
    make: Factories, app: Flask, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(provider_timeout_s=TIMEOUT_S)
    for _ in range(15):
        overdue(make, make.pending())
    well = Factories()
    attempt = well.pending()
    link = cancel(well, attempt)
    answers(monkeypatch, make, SILENT, after_s=TIMEOUT_S)
    settled: list[float] = []
    began = time.monotonic()
    real = closing_rounds._take_the_edge

    def take_the_edge(link: PaymentLink) -> None:
        real(link)
        settled.append(time.monotonic() - began)

    monkeypatch.setattr(closing_rounds, "_take_the_edge", take_the_edge)
    closing_rounds.run_due(Budget.of(seconds=3))
    assert fresh(link).state is LinkState.CANCELED
    assert settled[0] < TIMEOUT_S
    assert time.monotonic() - began < 6
    hung = [one for one in everything(PaymentLink) if one.closing_for == "expiry"]
    assert [one.closing_failures for one in hung] == [1] * 15


def many_watched(make: Factories, count: int) -> PaymentLink:
    """Make a link with so many watched attempts, the last of them open, that is being canceled."""
    link = make.link()
    for _ in range(count - 1):
        ended = make.pending(link)
        settlement.apply(ended.reference, observed(ended, ProviderState.CLOSED), actor="test")
    return cancel(make, make.pending(link))


def work_for(app: Flask, *, seconds: float) -> None:
    """Close what is due in two workers, again and again."""
    ends_at = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < ends_at:
            closing_rounds.run_due(Budget.of(seconds=0.5))
            time.sleep(0.1)

    db.session.rollback()
    side_by_side(app, [work, work])


def due_at(attempt: PaymentAttempt) -> datetime:
    """Return when an attempt is read next."""
    due = fresh(attempt).next_check_at
    assert due is not None
    return due
