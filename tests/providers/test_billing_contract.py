"""The fake billing service and its adapter keep the contract, over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.billing import FakeBilling
from tests.fakes.desk import FakeDesk
from tests.fakes.shops import TIMEOUT_S, Shop, billing_shop
from tests.providers.contract import Desk, ProviderContract
from tests.providers.contract_refunds import RefundContract
from tests.sandbox.merchant import look, press
from webapp.core.money import Money
from webapp.providers import http
from webapp.providers.base import (
    CloseAnswer,
    Created,
    HttpRequest,
    ProviderState,
    Unanswered,
    Unreadable,
)


@pytest.fixture
def fake() -> FakeBilling:
    return FakeBilling()


@pytest.fixture
def shop(fake: FakeBilling) -> Iterator[Shop]:
    with billing_shop(fake) as shop:
        yield shop


@pytest.fixture
def desk(fake: FakeBilling, shop: Shop) -> Desk:
    return FakeDesk(fake, shop.connection, shop.request, create="create", read="read")


class TestBillingKeepsTheContract(ProviderContract, RefundContract):
    """Every test of the contract, at the fake billing service."""


def test_a_create_that_got_lost_is_made_once_by_the_same_request(
    fake: FakeBilling, shop: Shop
) -> None:
    request = shop.request()
    for way in ("cut", "malformed", "crashed", "lost"):
        fake.misbehave("create", way)
        assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Unanswered)
    assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Created)
    assert len(fake.checkouts) == 1


def test_the_key_under_another_wish_is_no_new_checkout(fake: FakeBilling, shop: Shop) -> None:
    request = shop.request()
    shop.connection.create(request, timeout_s=TIMEOUT_S)
    other = replace(request, money=Money(1, "EUR"))
    answer = shop.connection.create(other, timeout_s=TIMEOUT_S)
    assert answer == Unanswered("status 409")
    assert len(fake.checkouts) == 1


def test_another_amount_is_told_as_it_is(fake: FakeBilling, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.pay(made.checkout_id, amount=2499)
    assert [one.money for one in shop.found(handle).payments] == [Money(2499, "EUR")]


def test_a_payment_may_lag_behind_the_buyer(fake: FakeBilling, shop: Shop) -> None:
    fake.settles_at_once = False
    made, handle = shop.checkout()
    press(made.url, "pay")
    assert shop.found(handle).state is ProviderState.OPEN
    assert shop.connection.close(made.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.NOT_OPEN
    fake.settle(made.checkout_id)
    assert shop.found(handle).state is ProviderState.PAID


def test_a_payment_after_the_end_is_still_told(fake: FakeBilling, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.expire(made.checkout_id)
    assert shop.found(handle).state is ProviderState.CLOSED
    fake.pay(made.checkout_id, after_all=True)
    assert shop.found(handle).state is ProviderState.PAID


@pytest.mark.parametrize("word", [None, "pondering"])
def test_without_a_known_status_it_is_still_active(
    fake: FakeBilling, shop: Shop, word: str | None
) -> None:
    made, handle = shop.checkout()
    fake.hide(made.checkout_id, behind=word)
    seen = shop.found(handle)
    assert (seen.state, seen.raw_state) == (ProviderState.OPEN, word or "200")


def test_being_asked_to_wait_is_heard(fake: FakeBilling, shop: Shop) -> None:
    _, handle = shop.checkout()
    fake.misbehave("read", "busy", seconds=9)
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 429", retry_after_s=9)


def test_the_paths_of_making_and_cancelling_may_be_others(shop: Shop) -> None:
    paths = {"create_path": "/checkouts/new", "cancel_path": "/cancel/{checkout_id}"}
    access = replace(shop.access, options=paths)
    other = replace(shop.connection, access=access)
    assert not isinstance(other.create(shop.request(), timeout_s=TIMEOUT_S), Created)
    made, handle = shop.checkout()
    assert other.close(made.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.UNKNOWN
    assert shop.found(handle).state is ProviderState.OPEN


def test_a_buyer_pays_on_its_page_and_is_sent_back(shop: Shop) -> None:
    made, _ = shop.checkout()
    assert b'<form method="post">' in look(made.url).body
    answer = press(made.url, "pay")
    assert answer.headers["location"] == "http://127.0.0.1:9/back?returned=1"
    assert b"<form" not in look(made.url).body


def test_another_process_can_pull_its_levers(fake: FakeBilling, shop: Shop) -> None:
    made, handle = shop.checkout()
    headers = {"Content-Type": "application/json"}
    act = f"{fake.url}/_control/checkouts/{made.checkout_id}/pay"
    body = b'{"amount": 7}'
    assert http.send(HttpRequest("POST", act, headers, body), timeout_s=TIMEOUT_S).status == 201
    assert [one.money for one in shop.found(handle).payments] == [Money(7, "EUR")]
    fault = b'{"call": "read", "way": "unavailable", "seconds": 3}'
    control = f"{fake.url}/_control/faults"
    http.send(HttpRequest("POST", control, headers, fault), timeout_s=TIMEOUT_S)
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 503", retry_after_s=3, is_silent=True)
