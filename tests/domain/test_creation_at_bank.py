"""A real bank makes the checkout late, never, not at all or not for us; no money is lost by it."""

import json
from datetime import timedelta

import psycopg
import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.side_by_side import meanwhile, wait_for
from tests.factories import Factories, everything, fresh
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments import audit
from webapp.domain.payments.settlement import Outcome
from webapp.models import Capture, PaymentAttempt
from webapp.providers.base import Unanswered


def pay_and_prove(at_bank: AtBank, attempt: PaymentAttempt) -> None:
    """Pay at the bank's page; one read later our books say what the bank's ledger says."""
    at_bank.press(attempt, "pay")
    assert verify(attempt) is Outcome.PAID
    assert fresh(attempt.link).state is LinkState.PAID
    ours = [capture.payment_reference for capture in everything(Capture)]
    assert ours == [payment["payment_id"] for payment in at_bank.ledger()]
    assert audit.run().is_clean


def test_a_checkout_that_is_answered_at_once_is_paid(at_bank: AtBank) -> None:
    attempt = at_bank.start()
    assert (attempt.state, attempt.link.may_hold_money) == (AttemptState.PENDING, True)
    pay_and_prove(at_bank, attempt)


def test_the_bank_gets_exactly_the_request_that_was_stored(
    make: Factories, configure: Configure, receiver: Receiver
) -> None:
    configure(sandbox_url=receiver.url.removesuffix("/notices"))
    link = make.link(title="<b>Zwei Karten</b> für den 3. März")
    attempt = AtBank(make).start(link)
    (received,) = receiver.wait_for(1)
    assert json.loads(received.body) | {"buyer_email": None} == attempt.request
    assert attempt.state is AttemptState.CREATED  # what this bank answered makes no sense


def test_an_answer_that_comes_late_within_our_patience_opens_the_checkout(at_bank: AtBank) -> None:
    at_bank.script("create_late", seconds=0.5)
    attempt = at_bank.start()
    assert attempt.state is AttemptState.PENDING
    pay_and_prove(at_bank, attempt)


def test_an_answer_that_comes_after_our_patience_is_found_by_a_read(
    at_bank: AtBank, configure: Configure
) -> None:
    configure(provider_create_timeout_s=0.3)
    at_bank.script("create_late", seconds=1)
    attempt = at_bank.start()
    assert (attempt.state, attempt.checkout_url) == (AttemptState.CREATED, None)
    assert verify(attempt) is Outcome.OPENED
    assert fresh(attempt).state is AttemptState.PENDING
    assert attempt.checkout_url is not None
    pay_and_prove(at_bank, attempt)


def test_a_checkout_whose_answer_never_comes_is_found_and_paid(at_bank: AtBank) -> None:
    at_bank.script("create_never", seconds=0)
    attempt = at_bank.start()
    assert attempt.state is AttemptState.CREATED
    pay_and_prove(at_bank, attempt)


def test_a_request_that_was_lost_counts_as_never_made_after_a_minute_and_two_reads(
    at_bank: AtBank, make: Factories
) -> None:
    at_bank.script("create_lost")
    attempt = at_bank.start()
    assert [verify(attempt) for _ in range(2)] == [None, None]
    assert fresh(attempt).state is AttemptState.CREATED
    make.change(attempt, created_at=clock.now() - timedelta(seconds=61))
    verify(attempt)
    assert fresh(attempt).state is AttemptState.FAILED
    assert not fresh(attempt.link).may_hold_money
    pay_and_prove(at_bank, at_bank.start(attempt.link))


def test_a_refused_request_ends_the_attempt_at_once(at_bank: AtBank, make: Factories) -> None:
    link = make.link()
    at_bank.script("create_refused")
    started = at_bank.press_pay(link)
    assert (started.url, started.was_refused) == (None, True)
    (attempt,) = everything(PaymentAttempt)
    assert attempt.state is AttemptState.FAILED
    assert fresh(attempt.session).state is SessionState.INTERRUPTED
    pay_and_prove(at_bank, at_bank.start(link))


def test_the_same_request_twice_makes_one_checkout(at_bank: AtBank, make: Factories) -> None:
    at_bank.script("create_never", seconds=0)
    attempt = at_bank.start()
    assert isinstance(at_bank.create_again(attempt), Unanswered)
    assert verify(attempt) is Outcome.OPENED
    pay_and_prove(at_bank, attempt)


def test_a_payment_that_is_read_before_our_answer_is_stored_is_kept(
    at_bank: AtBank, make: Factories, app: Flask, other: psycopg.Connection
) -> None:
    link = make.link()
    at_bank.script("create_late", seconds=3)
    with meanwhile(app, lambda: at_bank.press_pay(link)) as starting:
        wait_for(other, "SELECT count(*) = 1 FROM payment_attempt")
        (attempt,) = everything(PaymentAttempt)
        at_bank.wait_until_made(attempt.reference)
        pay_and_prove(at_bank, attempt)
        assert not starting.done()
        version = fresh(link).version
    starting.result()
    assert (fresh(link).state, link.version) == (LinkState.PAID, version)
    assert fresh(attempt).state is AttemptState.SUCCEEDED
    assert audit.run().is_clean


@pytest.mark.parametrize("fault", ["read_malformed", "read_unavailable"])
def test_a_bank_that_cannot_be_read_after_a_lost_answer_leaves_all_open(
    at_bank: AtBank, fault: str
) -> None:
    at_bank.script("create_never", seconds=0)
    attempt = at_bank.start()
    at_bank.script(fault)
    assert verify(attempt) is None
    assert fresh(attempt).state is AttemptState.CREATED
    assert (attempt.unreadable_count, attempt.missing_count) == (1, 0)
    pay_and_prove(at_bank, attempt)
