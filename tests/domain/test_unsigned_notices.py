"""Callbacks that nobody signs: found by the address they come to, and sent again when unknown."""

import json
from collections.abc import Iterator

import pytest

from tests.conftest import Configure
from tests.domain.at_fakes import AtFake, at_fake
from tests.factories import Factories, everything, fresh
from tests.fakes.sumup import FakeSumUp
from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.states import LinkState
from webapp.domain.payments import notices
from webapp.models import PaymentAttempt, ProviderNotice


@pytest.fixture
def sumup() -> FakeSumUp:
    return FakeSumUp()


@pytest.fixture
def shop(sumup: FakeSumUp, make: Factories, configure: Configure) -> Iterator[AtFake]:
    with at_fake("sumup", make, configure, fake=sumup) as shop:
        yield shop


def callback(shop: AtFake, checkout_id: str, reference: str | None = None) -> bool:
    body = json.dumps({"event_type": "CHECKOUT_STATUS_CHANGED", "id": checkout_id}).encode()
    token = shop.account.hook_token
    return notices.receive("sumup", token, {}, body, reference=reference)


def is_due(attempt: PaymentAttempt) -> bool:
    due = fresh(attempt).next_check_at
    return due is not None and due <= clock.now()


def test_the_address_of_each_checkout_carries_our_reference(shop: AtFake, sumup: FakeSumUp) -> None:
    attempt = shop.start()
    (checkout,) = sumup.checkouts.values()
    path = f"/hooks/sumup/{shop.account.hook_token}/{attempt.reference}"
    assert checkout.wish["return_url"].endswith(path)


def test_a_callback_that_is_ahead_of_our_answer_finds_its_attempt(
    shop: AtFake, sumup: FakeSumUp
) -> None:
    sumup.misbehave("create", "cut")
    attempt = shop.start()
    assert attempt.checkout_id is None
    (checkout,) = sumup.checkouts.values()
    assert callback(shop, checkout.id, attempt.reference)
    assert is_due(attempt)
    assert fresh(attempt.link).state is LinkState.OPEN


def test_a_callback_that_is_about_nothing_of_ours_is_to_be_sent_again(shop: AtFake) -> None:
    attempt = shop.start()
    for reference in (None, "att-unknown", "x' OR 1=1"):
        with pytest.raises(NotFoundError):
            callback(shop, "unknown", reference)
    assert everything(ProviderNotice) == []
    assert not is_due(attempt)
    assert attempt.checkout_id is not None
    assert callback(shop, attempt.checkout_id)
    assert is_due(attempt)


def test_whoever_knows_the_address_of_a_checkout_fills_no_table(shop: AtFake) -> None:
    attempt = shop.start()
    for made_up in ("one", "two"):
        with pytest.raises(NotFoundError):
            callback(shop, made_up, attempt.reference)
    assert attempt.checkout_id is not None
    for kind in ("ONE", "TWO"):
        body = json.dumps({"event_type": kind, "id": attempt.checkout_id}).encode()
        token = shop.account.hook_token
        notices.receive("sumup", token, {}, body, reference=attempt.reference)
    assert len(everything(ProviderNotice)) == 1


def test_a_callback_cannot_speak_about_another_accounts_attempt(
    shop: AtFake, make: Factories
) -> None:
    theirs = Factories().pending()
    for reference in (theirs.reference, None):
        with pytest.raises(NotFoundError):
            callback(shop, str(theirs.checkout_id), reference)
    assert not is_due(theirs)
