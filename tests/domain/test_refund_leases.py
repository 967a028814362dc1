"""Whoever sends a refund may die or be too slow: the money still goes back once."""

from functools import partial

import psycopg
import pytest
from flask import Flask

from tasks import payments
from tests.domain.at_bank import AtBank
from tests.domain.refunding import (
    Asked,
    ask,
    due,
    open_alerts,
    open_items,
    run,
    states,
    taken,
    went_back,
)
from tests.domain.side_by_side import nobody_waits_in_a_transaction, side_by_side
from tests.factories import Factories, everything, fresh
from tests.sandbox.process import eventually
from tests.tasks import forked
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, audit, refund_endings, refund_rounds, trails
from webapp.extensions import db
from webapp.models import JobRun, Refund
from webapp.providers.connection import Connection
from webapp.providers.refunds import RefundAnswer, RefundRead, RefundUnknown, RefundWish


def test_whoever_dies_between_asking_and_the_answer_leaves_a_refund_that_is_read_back(
    at_bank: AtBank, make: Factories, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    run_until_asked(monkeypatch)
    assert (fresh(refund).state.value, went_back(capture), len(asked)) == ("REQUESTED", [500], 1)
    assert refund.asked_at is not None
    assert run() == 0, "the lease of the dead still holds"
    due()
    run()
    assert (states(), went_back(capture), len(asked)) == (["DONE"], [500], 1)
    names = [event.name for event in trails.of_link(capture.link)]
    assert names[-4:] == ["refund_unknown", "attention_raised", "refund_done", "attention_ended"]
    assert (open_items(), open_alerts()) == ([], [])


def test_a_refund_that_was_sent_is_unknown_although_the_key_is_lost_meanwhile(
    at_bank: AtBank, make: Factories, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    run_until_asked(monkeypatch)
    account = capture.attempt.provider_account
    stored = account.credentials
    make.change(account, credentials=b"written with another key")
    due()
    assert run() == 0
    assert fresh(refund).state.value == "UNKNOWN"
    assert refund.last_answer == "the account's credentials cannot be used"
    assert open_items() == ["refund_unknown"]
    make.change(account, credentials=stored)
    due()
    run()
    assert (states(), went_back(capture), len(asked)) == (["DONE"], [500], 1)


def test_a_worker_that_is_killed_while_the_bank_is_silent_sends_nothing_twice(
    at_bank: AtBank, make: Factories, app: Flask, asked: Asked
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    at_bank.script("refund_never", seconds=20)
    db.session.rollback()
    process = forked.start(app, payments.refunds)
    eventually(lambda: went_back(capture) == [500])
    process.kill()
    process.join(10)
    assert process.exitcode == -9
    assert fresh(refund).state.value == "REQUESTED"
    assert refund.asked_at is not None
    due()
    run()
    assert (states(), went_back(capture), asked) == (["DONE"], [500], [])
    assert audit.run().is_clean


def test_the_job_sends_what_is_due_and_leaves_a_row_of_it(at_bank: AtBank, make: Factories) -> None:
    payments.refunds()
    assert everything(JobRun) == [], "nothing was to be done"
    ask(make, taken(at_bank))
    payments.refunds()
    (job_run,) = everything(JobRun)
    assert (job_run.job_name, job_run.is_success, job_run.processed) == ("refunds", True, 2)
    assert job_run.detail == {"steps": 2, "ended": {"DONE": 1}, "looks": 0}


def run_until_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a round that ends, as by a kill, before the answer of the provider is written down."""
    real = refund_rounds._conclude

    def conclude(step: refund_rounds._Step, answer: RefundAnswer | RefundRead) -> str | None:
        return None if step.kind is refund_rounds.Kind.ASK else real(step, answer)

    with monkeypatch.context() as dying:
        dying.setattr(refund_rounds, "_conclude", conclude)
        run()


def test_two_workers_at_once_ask_the_provider_once(
    at_bank: AtBank, make: Factories, rows: Flask, asked: Asked
) -> None:
    for _ in range(20):
        capture = taken(at_bank)
        refund = ask(make, capture, 500)
        db.session.rollback()
        side_by_side(rows, [partial(refund_rounds.run_due, Budget.of(seconds=20))] * 2)
        assert fresh(refund).state.value == "DONE"
        assert went_back(capture) == [500]
    assert len(asked) == len({key for key, _ in asked}) == 20
    assert audit.run().is_clean


def test_who_lost_the_lease_writes_nothing(
    at_bank: AtBank,
    make: Factories,
    other: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    real = Connection.refund

    def slow(self: Connection, wish: RefundWish, *, timeout_s: float) -> RefundAnswer:
        answer = real(self, wish, timeout_s=timeout_s)
        # Meanwhile the lease ran out, and somebody else has it.
        other.execute(b"UPDATE refund SET lease_token = 'theirs'")
        return answer

    monkeypatch.setattr(Connection, "refund", slow)
    run()
    assert (fresh(refund).state.value, refund.lease_token) == ("REQUESTED", "theirs")


def test_nothing_is_locked_while_the_provider_is_asked(
    at_bank: AtBank,
    make: Factories,
    other: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = taken(at_bank)
    ask(make, capture)
    free: list[bool] = []

    def look(self: Connection, wish: RefundWish, *, timeout_s: float) -> RefundAnswer:
        del self, wish, timeout_s
        other.execute(b"SELECT 1 FROM payment_link, capture, refund FOR UPDATE NOWAIT")
        # Somebody looks for more to do meanwhile, and is done with that at once.
        free.append(eventually(lambda: nobody_waits_in_a_transaction(other), within_s=3))
        return RefundUnknown("looked")

    monkeypatch.setattr(Connection, "refund", look)
    run()
    assert free == [True]


def test_a_refund_that_cannot_be_begun_keeps_nobody_else_waiting(
    at_bank: AtBank, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick, well = taken(at_bank), taken(at_bank)
    bad, good = ask(make, sick), ask(make, well)
    real, bad_id = refund_endings.lock_with_link, bad.id

    def stumble(refund_id: int) -> Refund:
        if refund_id == bad_id:
            raise RuntimeError("a broken row")
        return real(refund_id)

    monkeypatch.setattr(refund_endings, "lock_with_link", stumble)
    run()
    assert (fresh(bad).state.value, fresh(good).state.value) == ("REQUESTED", "DONE")


def test_credentials_that_cannot_be_used_send_nothing_and_ask_later(
    at_bank: AtBank, make: Factories, asked: Asked
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture)
    make.change(accounts.active(make.shop), credentials=b"of a lost key")
    run()
    assert (fresh(refund).state.value, refund.asked_at, asked) == ("REQUESTED", None, [])
