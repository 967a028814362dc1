"""Checkouts that were never made where nothing is found by our name: nobody waits for them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import verify
from tests.domain.at_fakes import AtFake, at_fake
from tests.domain.closings import cancel, overdue, step
from tests.factories import Factories, fresh
from webapp.core import clock
from webapp.core.states import AttemptState, LinkState
from webapp.domain.payments import asking, audit, creations
from webapp.models import PaymentLink
from webapp.providers.base import Created

# Nothing is found there by our own name.
BLIND = ("stripe", "billing")


@pytest.fixture(params=BLIND)
def shop(request: pytest.FixtureRequest, make: Factories, configure: Configure) -> Iterator[AtFake]:
    with at_fake(request.param, make, configure) as shop:
        yield shop


def refused(shop: AtFake) -> PaymentLink:
    """A link whose first attempt the provider has refused."""
    link = shop.link()
    shop.fake.misbehave("create", "refused")
    attempt = shop.start(link)
    assert (attempt.state, attempt.checkout_id) == (AttemptState.FAILED, None)
    return link


def test_a_refused_attempt_keeps_no_later_one_from_being_canceled(
    make: Factories, shop: AtFake
) -> None:
    attempt = shop.start(refused(shop))
    link = cancel(make, attempt)
    for _ in range(3):
        step(make, link)
    assert fresh(link).state is LinkState.CANCELED
    assert audit.run().is_clean


def test_a_refused_attempt_keeps_no_link_from_its_end(make: Factories, shop: AtFake) -> None:
    attempt = shop.start(refused(shop))
    link = overdue(make, attempt)
    for _ in range(3):
        step(make, link)
    assert fresh(link).state is LinkState.EXPIRED
    assert audit.run().is_clean


def test_an_order_is_verified_although_an_attempt_of_it_was_refused(
    make: Factories, shop: AtFake
) -> None:
    attempt = shop.start(refused(shop))
    answer = asking.now(make.shop, attempt.link.reference, actor="test")
    assert (answer.is_verified, answer.is_pending) == (True, False)


def test_what_turns_out_to_be_made_after_all_is_watched_again(
    make: Factories, shop: AtFake
) -> None:
    shop.fake.misbehave("create", "lost", times=3)
    attempt = shop.start()
    shop.fake.misbehave("create", "refused", times=2)
    make.change(attempt, created_at=clock.now() - timedelta(seconds=61))
    for _ in range(4):
        verify(attempt)
    assert (fresh(attempt).state, attempt.next_check_at) == (AttemptState.FAILED, None)
    assert attempt.watch_until <= clock.now()
    made = Created("co-late", "https://bank.example/co-late")
    creations.record(attempt.reference, made, actor="test")
    assert (fresh(attempt).state, attempt.checkout_id) == (AttemptState.PENDING, "co-late")
    assert attempt.watch_until == attempt.link.expires_at + timedelta(hours=72)
    assert attempt.next_check_at is not None


def test_a_key_that_is_not_taken_does_not_mean_that_nothing_was_made(
    make: Factories, shop: AtFake
) -> None:
    shop.fake.misbehave("create", "lost")
    attempt = shop.start()
    make.change(attempt, created_at=clock.now() - timedelta(seconds=61))
    make.change(shop.account, failing_since=clock.now())
    shop.fake.api_key = "sk_test_another"
    for _ in range(3):
        verify(attempt)
    assert (fresh(attempt).state, attempt.missing_count) == (AttemptState.CREATED, 0)
    assert attempt.last_read is not None
    assert attempt.last_read.startswith("unreadable")
    assert fresh(shop.account).failing_since is not None, "it does not answer again by that"
