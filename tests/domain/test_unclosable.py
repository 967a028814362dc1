"""Checkouts that nobody can close: they are let go, watched on, and their money is accepted."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import verify
from tests.domain.at_fakes import AtFake, at_fake
from tests.domain.closings import cancel, overdue, step
from tests.factories import Factories, everything, fresh
from tests.fakes.paystack import FakePaystack
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from webapp.core import clock
from webapp.core.states import (
    LINK_ENDED,
    AttemptState,
    CaptureState,
    LinkState,
    SessionState,
)
from webapp.domain.payments import audit, closing, creations
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import lock, transaction
from webapp.extensions import settings
from webapp.models import AttentionItem, Capture, PaymentAttempt, PaymentLink, Ticket
from webapp.providers.base import Created
from webapp.providers.billing import CREATE_PATH

LONG_AGO = timedelta(minutes=11)


@pytest.fixture
def paystack() -> FakePaystack:
    return FakePaystack()


@pytest.fixture
def at_paystack(paystack: FakePaystack, make: Factories, configure: Configure) -> Iterator[AtFake]:
    with at_fake("paystack", make, configure, fake=paystack) as shop:
        yield shop


@pytest.fixture
def sumup() -> FakeSumUp:
    return FakeSumUp()


@pytest.fixture
def at_sumup(sumup: FakeSumUp, make: Factories, configure: Configure) -> Iterator[AtFake]:
    with at_fake("sumup", make, configure, fake=sumup) as shop:
        yield shop


def retry(make: Factories, link: PaymentLink) -> None:
    """Mark the link as "Try again" will."""
    with transaction():
        closing.mark(lock(PaymentLink, PaymentLink.id == link.id), closing.RETRY, actor="test")
    step(make, link)


def test_a_link_ends_although_its_checkout_cannot_be_closed_and_late_money_still_counts(
    make: Factories, paystack: FakePaystack, at_paystack: AtFake
) -> None:
    attempt = at_paystack.start()
    link = overdue(make, attempt)
    step(make, link)
    assert (fresh(link).state, link.may_hold_money) == (LinkState.EXPIRED, False)
    assert fresh(attempt).state is AttemptState.EXPIRED
    assert attempt.next_check_at is not None
    assert everything(AttentionItem) == []
    assert audit.run().is_clean

    paystack.pay(attempt.reference)
    assert verify(attempt) is Outcome.PAID
    assert fresh(link).state is LinkState.PAID
    assert len(everything(Ticket)) == link.ticket_count
    assert audit.run().is_clean


def test_money_that_came_before_the_end_is_found_by_the_closing(
    make: Factories, paystack: FakePaystack, at_paystack: AtFake
) -> None:
    attempt = at_paystack.start()
    paystack.pay(attempt.reference)
    link = overdue(make, attempt)
    step(make, link)
    assert fresh(link).state is LinkState.PAID


def test_who_is_paying_at_the_end_gets_the_time_that_a_closing_has(
    make: Factories, paystack: FakePaystack, at_paystack: AtFake, configure: Configure
) -> None:
    configure(closing_tries=3)
    attempt = at_paystack.start()
    paystack.show(attempt.reference, status="ongoing")
    link = overdue(make, attempt)
    for _ in range(2):
        step(make, link)
        assert fresh(link).state is LinkState.OPEN
    step(make, link)
    assert (fresh(link).state, fresh(attempt).state) == (LinkState.EXPIRED, AttemptState.EXPIRED)
    assert audit.run().is_clean


def test_a_canceled_link_does_not_wait_for_what_cannot_be_closed(
    make: Factories, at_paystack: AtFake
) -> None:
    attempt = at_paystack.start()
    link = cancel(make, attempt)
    step(make, link)
    assert fresh(link).state is LinkState.CANCELED
    assert audit.run().is_clean


def test_after_a_retry_money_of_the_old_attempt_pays_and_that_of_the_new_one_is_surplus(
    make: Factories, paystack: FakePaystack, at_paystack: AtFake
) -> None:
    old = at_paystack.start()
    link = old.link
    retry(make, link)
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, None)
    new = at_paystack.start(link)
    assert (fresh(old).is_current, new.is_current) == (False, True)

    paystack.pay(old.reference)
    paystack.pay(new.reference)
    assert [verify(old), verify(new)] == [Outcome.PAID, Outcome.SURPLUS]
    states = [capture.state for capture in everything(Capture)]
    assert states == [CaptureState.FULFILS, CaptureState.SURPLUS]
    assert [item.kind for item in everything(AttentionItem)] == ["surplus"]
    assert len(everything(Ticket)) == link.ticket_count
    assert audit.run().is_clean


def test_an_authorisation_in_progress_holds_a_link_up_for_so_many_tries(
    make: Factories, sumup: FakeSumUp, at_sumup: AtFake, configure: Configure
) -> None:
    configure(closing_tries=2)
    attempt = at_sumup.start()
    assert attempt.checkout_id is not None
    sumup.authorise(attempt.checkout_id)
    link = overdue(make, attempt)
    step(make, link)
    assert fresh(link).state is LinkState.OPEN
    step(make, link)
    assert fresh(link).state is LinkState.EXPIRED

    sumup.pay(attempt.checkout_id, after_all=True)
    assert verify(attempt) is Outcome.PAID
    assert fresh(link).state is LinkState.PAID
    assert audit.run().is_clean


def test_a_checkout_whose_address_was_lost_makes_way_for_another(
    paystack: FakePaystack, at_paystack: AtFake, configure: Configure
) -> None:
    configure(start_tries=1)  # nothing takes its place by itself
    paystack.misbehave("initialize", "cut")
    lost = at_paystack.start()
    assert (lost.state, lost.checkout_url) == (AttemptState.CREATED, None)
    assert verify(lost) is Outcome.OPENED
    assert fresh(lost).state is AttemptState.EXPIRED
    assert fresh(lost.session).state is SessionState.INTERRUPTED
    assert fresh(lost.link).may_hold_money is False

    # The answer was only late: nobody is sent there any more.
    late = Created(lost.reference, "https://checkout.paystack.test/late")
    assert creations.record(lost.reference, late, actor="test") is None

    other = at_paystack.start(lost.link)
    paystack.pay(other.reference)
    assert verify(other) is Outcome.PAID
    assert audit.run().is_clean


def test_an_error_that_is_repeated_by_its_key_makes_way_for_another(
    make: Factories, configure: Configure
) -> None:
    fake = FakeStripe()
    with at_fake("stripe", make, configure, fake=fake) as shop:
        fake.misbehave("create", "crashed", times=4)
        attempt = shop.start()
        verify(attempt)
        assert fresh(attempt).state is AttemptState.CREATED
        make.change(attempt, created_at=clock.now() - LONG_AGO)
        verify(attempt)
        assert fresh(attempt).state is AttemptState.FAILED
        assert fresh(attempt.link).may_hold_money is False

        other = shop.start(attempt.link)
        assert other.state is AttemptState.CREATED
        fake.close()
    assert len(everything(PaymentAttempt)) == 2


@pytest.mark.parametrize("begin", [cancel, overdue])
def test_a_service_that_has_no_way_to_cancel_keeps_no_link_from_its_end(
    make: Factories, configure: Configure, begin: Callable[..., PaymentLink]
) -> None:
    with at_fake("billing", make, configure) as shop:
        make.change(shop.account, options={"cancel_path": CREATE_PATH})  # 405
        attempt = shop.start()
        link = begin(make, attempt)
        for _ in range(settings.closing_tries):
            step(make, link)
        assert fresh(link).state in LINK_ENDED
        assert fresh(attempt).state is AttemptState.EXPIRED
        shop.fake.pay(attempt.checkout_id)
        assert verify(attempt) is Outcome.PAID
        assert audit.run().is_clean
