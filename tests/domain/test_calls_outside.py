"""Law 6: while a provider is asked, nothing is locked and no connection waits in a transaction."""

from collections.abc import Callable
from concurrent.futures import wait

import psycopg
import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.side_by_side import meanwhile, nobody_waits_in_a_transaction, wait_for
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything
from tests.sandbox.process import eventually
from webapp.core.states import AttemptState
from webapp.domain.budget import Budget
from webapp.domain.payments import checkouts, closing_rounds, links, verification
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink


def is_free(other: psycopg.Connection) -> bool:
    """Say whether somebody else gets the one link's lock at once, and nobody is idle with one."""
    try:
        locked = other.execute(b"SELECT id FROM payment_link FOR UPDATE NOWAIT").fetchall()
    except psycopg.errors.LockNotAvailable:
        return False
    return len(locked) == 1 and nobody_waits_in_a_transaction(other)


def becomes_free(other: psycopg.Connection) -> None:
    """Wait a moment: a sweep looks for more work while it waits, and is done with that at once."""
    eventually(lambda: is_free(other), within_s=3)


def test_nothing_is_locked_while_a_slow_bank_makes_a_checkout(
    at_bank: AtBank, make: Factories, app: Flask, other: psycopg.Connection
) -> None:
    link = make.link()
    at_bank.script("create_late", seconds=2)
    with meanwhile(app, lambda: at_bank.press_pay(link)) as started:
        wait_for(other, "SELECT count(*) = 1 FROM payment_attempt")
        (row,) = other.execute(b"SELECT reference FROM payment_attempt").fetchall()
        at_bank.wait_until_made(row[0])
        becomes_free(other)
        assert not started.done()
    assert started.result().url is not None


def pay() -> None:
    code = db.session.query(PaymentLink.code).scalar()
    checkouts.start(code, token=None, buyer_email=None)


def read_all() -> None:
    verification.run_due(Budget.of(seconds=20))


def read_one() -> None:
    verification.run_one(db.session.query(PaymentAttempt.reference).scalar(), actor="test")


def close() -> None:
    closing_rounds.run_due(Budget.of(seconds=20))


CALLS = pytest.mark.parametrize("call", [pay, read_all, read_one, close])


def prepare(make: Factories, call: Callable[[], None]) -> None:
    """Make one link for which this call has something to ask."""
    link = make.link()
    if call is not pay:
        attempt = make.pending(link)
        make.change(attempt, next_check_at=attempt.created_at)
        links.cancel(make.shop, link.code, actor="test")


@CALLS
def test_nothing_is_locked_while_a_bank_says_nothing(
    make: Factories,
    app: Flask,
    configure: Configure,
    other: psycopg.Connection,
    call: Callable[[], None],
) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url)
    prepare(make, call)
    with meanwhile(app, call) as calling:
        try:
            bank.wait_for_a_call()
            becomes_free(other)
        finally:
            bank.hang_up()
    calling.result()
    (attempt,) = everything(PaymentAttempt)
    assert attempt.state is (AttemptState.CREATED if call is pay else AttemptState.PENDING)


@CALLS
def test_a_bank_that_says_nothing_is_given_up_in_time(
    make: Factories, app: Flask, configure: Configure, call: Callable[[], None]
) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url, provider_timeout_s=0.2, provider_create_timeout_s=0.2)
    prepare(make, call)
    with meanwhile(app, call) as calling:
        try:
            given_up, _ = wait([calling], timeout=5)
        finally:
            bank.hang_up()
    assert given_up, "it waited for as long as the bank said nothing"
