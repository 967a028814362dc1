"""Paystack's fake and its adapter keep the contract, over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.desk import FakeDesk
from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import TIMEOUT_S, Shop, paystack_shop
from tests.providers.contract import Desk, ProviderContract
from tests.providers.contract_refunds import RefundContract
from tests.sandbox.merchant import look, press
from webapp.core.money import Money
from webapp.providers import paystack
from webapp.providers.base import ProviderState, Refused, Unanswered, Unreadable


@pytest.fixture
def fake() -> FakePaystack:
    return FakePaystack()


@pytest.fixture
def shop(fake: FakePaystack) -> Iterator[Shop]:
    with paystack_shop(fake) as shop:
        yield shop


@pytest.fixture
def desk(fake: FakePaystack, shop: Shop) -> Desk:
    return FakeDesk(fake, shop.connection, shop.request, create="initialize", read="verify")


class TestPaystackKeepsTheContract(ProviderContract, RefundContract):
    """Every test of the contract, at the fake Paystack."""


def test_a_transaction_made_in_live_mode_says_so() -> None:
    with paystack_shop(FakePaystack(is_live=True)) as shop:
        _, handle = shop.checkout()
        assert shop.found(handle).is_live is True


def test_the_buyer_comes_back_with_the_reference_and_to_the_shop_on_cancel(shop: Shop) -> None:
    made, handle = shop.checkout()
    assert b'<form method="post">' in look(made.url).body
    back = "http://127.0.0.1:9/back?returned=1"
    assert press(made.url, "cancel").headers["location"] == back
    answer = press(made.url, "pay")
    names = f"trxref={handle.reference}&reference={handle.reference}"
    assert answer.headers["location"] == f"{back}&{names}"


def test_a_refused_card_leaves_the_transaction_to_be_watched(shop: Shop) -> None:
    made, handle = shop.checkout()
    press(made.url, "decline")
    seen = shop.found(handle)
    assert (seen.state, seen.reason) == (ProviderState.ATTEMPT_FAILED, "Declined")


def test_fees_that_the_buyer_bears_are_not_the_shops_money(fake: FakePaystack, shop: Shop) -> None:
    _, handle = shop.checkout()
    fake.pay(handle.reference, fees=10_283)
    assert [one.money for one in shop.found(handle).payments] == [Money(250_000, "NGN")]


@pytest.mark.parametrize("says_requested", [True, False])
def test_too_little_money_is_told_as_it_is(
    fake: FakePaystack, shop: Shop, says_requested: bool
) -> None:
    _, handle = shop.checkout()
    fake.pay(handle.reference, amount=249_999, says_requested=says_requested)
    assert [one.money for one in shop.found(handle).payments] == [Money(249_999, "NGN")]


def test_a_payment_may_lag_behind_the_buyer(fake: FakePaystack, shop: Shop) -> None:
    made, handle = shop.checkout()
    press(made.url, "pay")
    fake.lag(handle.reference, reads=1)
    states = [shop.found(handle).state for _ in range(2)]
    assert states == [ProviderState.PROCESSING, ProviderState.PAID]


@pytest.mark.parametrize("way", ["busy", "unavailable", "crashed", "malformed", "cut", "lost"])
def test_no_fault_of_a_create_is_taken_for_a_refusal(
    fake: FakePaystack, shop: Shop, way: str
) -> None:
    fake.misbehave("initialize", way)
    answer = shop.connection.create(shop.request(), timeout_s=TIMEOUT_S)
    assert isinstance(answer, Unanswered)


def test_being_asked_to_wait_is_heard(fake: FakePaystack, shop: Shop) -> None:
    _, handle = shop.checkout()
    fake.misbehave("verify", "busy", seconds=9)
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 429", retry_after_s=9)


@pytest.mark.parametrize("currency", sorted(paystack.CAPABILITIES.currencies))
def test_the_least_amount_of_each_currency_is_taken_and_comes_back_whole(
    fake: FakePaystack, shop: Shop, currency: str
) -> None:
    least = Money(paystack.CAPABILITIES.least[currency], currency)
    _, handle = shop.checkout(least)
    fake.pay(handle.reference)
    assert [one.money for one in shop.found(handle).payments] == [least]
    below = shop.request(Money(least.minor - 1, currency))
    assert isinstance(shop.connection.create(below, timeout_s=TIMEOUT_S), Refused)


def test_without_an_address_no_transaction_is_made(shop: Shop) -> None:
    request = replace(shop.request(), buyer_email=None)
    answer = shop.connection.create(request, timeout_s=TIMEOUT_S)
    assert answer == Refused("Invalid Email Address Passed")


def test_a_currency_that_the_account_does_not_take_is_refused_by_name(
    fake: FakePaystack, shop: Shop
) -> None:
    fake.currencies = frozenset({"NGN"})
    answer = shop.connection.create(shop.request(Money(200, "USD")), timeout_s=TIMEOUT_S)
    assert answer == Refused("not authorised: Currency not supported by merchant")
