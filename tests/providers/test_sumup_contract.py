"""SumUp's fake and its adapter keep the contract, over real HTTP."""

from collections.abc import Iterator

import pytest

from tests.fakes.desk import FakeDesk
from tests.fakes.shops import TIMEOUT_S, Shop, sumup_shop
from tests.fakes.sumup import CURRENCIES, FakeSumUp
from tests.providers.contract import Desk, ProviderContract
from tests.providers.contract_refunds import RefundContract
from tests.sandbox.merchant import look, press
from webapp.core.money import Money
from webapp.providers import sumup
from webapp.providers.base import (
    CloseAnswer,
    Handle,
    ProviderState,
    Refused,
    Unanswered,
    Unreadable,
)


@pytest.fixture
def fake() -> FakeSumUp:
    return FakeSumUp()


@pytest.fixture
def shop(fake: FakeSumUp) -> Iterator[Shop]:
    with sumup_shop(fake) as shop:
        yield shop


@pytest.fixture
def desk(fake: FakeSumUp, shop: Shop) -> Desk:
    return FakeDesk(fake, shop.connection, shop.request, create="create", read="read")


class TestSumUpKeepsTheContract(ProviderContract, RefundContract):
    """Every test of the contract, at the fake SumUp."""


def test_a_lost_checkout_is_found_by_reference_though_nobody_can_be_sent_there(
    fake: FakeSumUp, shop: Shop
) -> None:
    fake.finds_pages = False
    made, handle = shop.checkout()
    seen = shop.found(Handle(handle.reference, None))
    assert (seen.checkout_id, seen.checkout_url) == (made.checkout_id, None)
    assert seen.state is ProviderState.OPEN


def test_a_refused_card_can_be_tried_again_on_the_same_page(shop: Shop) -> None:
    made, handle = shop.checkout()
    press(made.url, "decline")
    assert shop.found(handle).state is ProviderState.ATTEMPT_FAILED
    press(made.url, "pay")
    seen = shop.found(handle)
    assert (seen.state, len(seen.payments)) == (ProviderState.PAID, 1)


def test_a_buyer_may_be_back_before_sumup_says_paid(fake: FakeSumUp, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.pay(made.checkout_id)
    fake.lag(made.checkout_id, reads=2)
    states = [shop.found(handle).state for _ in range(3)]
    assert states == [ProviderState.OPEN, ProviderState.OPEN, ProviderState.PAID]


def test_money_that_comes_after_the_end_is_seen(fake: FakeSumUp, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.expire(made.checkout_id)
    assert shop.found(handle).state is ProviderState.CLOSED
    fake.pay(made.checkout_id, after_all=True)
    assert shop.found(handle).state is ProviderState.PAID


def test_another_amount_and_a_second_payment_are_told_as_they_are(
    fake: FakeSumUp, shop: Shop
) -> None:
    made, handle = shop.checkout()
    fake.pay(made.checkout_id, amount="24.99")
    fake.pay(made.checkout_id, after_all=True)
    seen = shop.found(handle)
    assert seen.state is ProviderState.PAID
    assert [one.money for one in seen.payments] == [Money(2499, "EUR"), Money(2500, "EUR")]
    assert len({one.reference for one in seen.payments}) == 2


def test_a_payment_in_progress_cannot_be_closed_under_it(fake: FakeSumUp, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.authorise(made.checkout_id)
    close = shop.connection.close(made.checkout_id, timeout_s=TIMEOUT_S)
    assert close is CloseAnswer.NOT_OPEN
    assert shop.found(handle).state is ProviderState.PROCESSING
    fake.pay(made.checkout_id)
    assert shop.found(handle).state is ProviderState.PAID


@pytest.mark.parametrize("way", ["busy", "unavailable", "crashed", "malformed", "cut", "lost"])
def test_no_fault_of_a_create_is_taken_for_a_refusal(fake: FakeSumUp, shop: Shop, way: str) -> None:
    fake.misbehave("create", way)
    answer = shop.connection.create(shop.request(), timeout_s=TIMEOUT_S)
    assert isinstance(answer, Unanswered)


def test_being_asked_to_wait_is_heard(fake: FakeSumUp, shop: Shop) -> None:
    _, handle = shop.checkout()
    fake.misbehave("read", "busy", seconds=9)
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 429", retry_after_s=9)


@pytest.mark.parametrize("minor", [1, 10, 1999, 2500, 123_456_789])
def test_an_amount_arrives_as_it_was_sent(fake: FakeSumUp, shop: Shop, minor: int) -> None:
    made, handle = shop.checkout(Money(minor, "EUR"))
    fake.pay(made.checkout_id)
    assert shop.found(handle).payments[0].money == Money(minor, "EUR")


def test_a_currency_that_is_not_the_merchants_is_refused(shop: Shop) -> None:
    answer = shop.connection.create(shop.request(Money(2500, "SEK")), timeout_s=TIMEOUT_S)
    assert answer == Refused("Validation error (currency)")


def test_the_hosted_page_can_be_used_by_a_browser(shop: Shop) -> None:
    made, _ = shop.checkout()
    assert b'<form method="post">' in look(made.url).body
    paid = press(made.url, "pay").body
    assert b'href="http://127.0.0.1:9/back?returned=1"' in paid
    assert b"<form" not in paid


def test_the_fake_takes_every_currency_that_the_adapter_offers() -> None:
    assert sumup.CAPABILITIES.currencies <= CURRENCIES
