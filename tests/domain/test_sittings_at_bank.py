"""Sittings with a real bank behind them: gone on with, and asked about."""

from functools import partial

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.closings import step
from tests.domain.side_by_side import side_by_side
from tests.domain.sitting_down import decline_for_good, state_of
from tests.factories import Factories, everything, fresh
from webapp.core.errors import InvalidInputError
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments import audit, sittings, waiting
from webapp.domain.payments.sittings import Holder, Sitting
from webapp.extensions import queue_redis
from webapp.models import PaymentAttempt, PaymentEvent, PaymentLink


def sit(link: PaymentLink) -> tuple[Sitting, Holder]:
    sitting, token = sittings.begin(link.code, token=None, buyer_email=None)
    return sitting, Holder(token=token)


def test_the_first_step_of_a_sitting_begins_its_first_attempt(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link())
    resumed = sittings.resume(sitting.reference, holder)
    (attempt,) = everything(PaymentAttempt)
    assert (attempt.number, attempt.checkout_url) == (1, resumed.url)
    assert resumed.sitting.state is SessionState.PROCESSING
    at_bank.press(attempt, "pay")
    assert sittings.complete(sitting.reference, holder).state is SessionState.COMPLETED
    assert fresh(attempt.link).state is LinkState.PAID
    assert audit.run().is_clean


def test_an_interrupted_sitting_goes_on_with_its_next_attempt(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link())
    first = at_bank_attempt(sitting, holder)
    decline_for_good(first)
    second = at_bank_attempt(sitting, holder)
    assert [first.number, second.number] == [1, 2]
    assert second.session_id == first.session_id
    assert sittings.get(sitting.reference, holder).attempt_count == 2


def at_bank_attempt(sitting: Sitting, holder: Holder) -> PaymentAttempt:
    sittings.resume(sitting.reference, holder)
    return everything(PaymentAttempt)[-1]


def test_two_who_go_on_at_once_begin_one_attempt(
    at_bank: AtBank, make: Factories, app: Flask
) -> None:
    sitting, holder = sit(make.link())
    go_on = partial(sittings.resume, sitting.reference, holder)
    resumed = side_by_side(app, [go_on] * 2)
    (attempt,) = everything(PaymentAttempt)
    assert {one.url for one in resumed} <= {attempt.checkout_url, None}
    assert attempt.checkout_url in {one.url for one in resumed}
    assert {one.sitting.state for one in resumed} == {SessionState.PROCESSING}
    assert sittings.get(sitting.reference, holder).attempt_count == 1
    at_bank.press(attempt, "pay")
    assert sittings.complete(sitting.reference, holder).state is SessionState.COMPLETED
    assert len(at_bank.ledger()) == 1
    assert audit.run().is_clean


def test_a_refused_attempt_says_so_and_can_be_repeated(at_bank: AtBank, make: Factories) -> None:
    sitting, holder = sit(make.link())
    at_bank.script("create_refused")
    resumed = sittings.resume(sitting.reference, holder)
    assert (resumed.url, resumed.was_refused) == (None, True)
    assert (resumed.sitting.interruption, resumed.sitting.can_resume) == ("refused", True)
    assert sittings.resume(sitting.reference, holder).url is not None


@pytest.mark.parametrize("fault", ["", "create_refused"])
def test_whatever_a_program_does_for_its_buyer_bears_its_name(
    at_bank: AtBank, make: Factories, fault: str
) -> None:
    sitting, _ = sit(make.link())
    if fault:
        at_bank.script(fault)
    before = len(everything(PaymentEvent))
    sittings.resume(sitting.reference, Holder(merchant=make.shop, actor="key:abc"))
    told = everything(PaymentEvent)[before:]
    assert len(told) >= 2
    assert {event.actor for event in told} == {"key:abc"}


def test_where_nobody_has_said_where_the_tickets_go_it_is_asked_for(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link(buyer_email=None))
    with pytest.raises(InvalidInputError):
        sittings.resume(sitting.reference, holder)
    assert everything(PaymentAttempt) == []
    resumed = sittings.resume(sitting.reference, holder, buyer_email="eve@example.org")
    assert resumed.url is not None
    decline_for_good(everything(PaymentAttempt)[-1])
    # It was said once.
    assert sittings.resume(sitting.reference, holder).url is not None


def test_to_complete_makes_nothing_paid_that_the_bank_does_not_call_so(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link())
    sittings.resume(sitting.reference, holder)
    done = sittings.complete(sitting.reference, holder)
    assert (done.state, fresh(everything(PaymentAttempt)[0]).state) == (
        SessionState.PROCESSING,
        AttemptState.PENDING,
    )


def test_to_complete_again_at_once_asks_the_bank_only_once(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link())
    attempt = at_bank_attempt(sitting, holder)
    sittings.complete(sitting.reference, holder)
    first = fresh(attempt).last_read_at
    assert first is not None
    sittings.complete(sitting.reference, holder)
    assert fresh(attempt).last_read_at == first


def test_where_too_many_wait_for_the_bank_a_worker_is_asked_to_complete(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    sitting, holder = sit(make.link())
    attempt = at_bank_attempt(sitting, holder)
    configure(web_threads=4)
    with waiting.room("sandbox"):
        assert sittings.complete(sitting.reference, holder).state is SessionState.PROCESSING
    assert fresh(attempt).last_read_at is None
    assert queue_redis.exists(f"check:{attempt.reference}")


def test_a_canceled_payment_is_closed_at_the_bank_and_another_can_be_begun(
    at_bank: AtBank, make: Factories
) -> None:
    sitting, holder = sit(make.link())
    attempt = at_bank_attempt(sitting, holder)
    sittings.cancel(sitting.reference, holder)
    step(make, attempt.link)
    assert at_bank.shows_closed(attempt)
    assert fresh(attempt).state is AttemptState.EXPIRED
    assert state_of(attempt)[0] is SessionState.CANCELED
    again, holder = sit(attempt.link)
    at_bank.press(at_bank_attempt(again, holder), "pay")
    assert sittings.complete(again.reference, holder).state is SessionState.COMPLETED
    assert len(at_bank.ledger()) == 1
    assert audit.run().is_clean
