"""Money that the bank sends back: on the merchant's wish, once a key, or at its own desk."""

import json
from typing import Any

import pytest

from tests.sandbox.merchant import Merchant, look, press
from tests.sandbox.receiver import Receiver
from webapp.providers.base import HttpAnswer, ProviderState

WISH = {"key": "ref-1", "amount_minor": 500, "currency": "EUR"}


def paid(merchant: Merchant) -> tuple[str, str]:
    """Have a checkout paid; return its page and the payment's id."""
    url, handle = merchant.checkout()
    press(url, "lose")
    return url, merchant.found(handle).payments[0].reference


def send_back(merchant: Merchant, payment: str, **changes: object) -> HttpAnswer:
    return merchant.call("POST", f"/v1/payments/{payment}/refunds", WISH | changes)


def sent(merchant: Merchant, payment: str) -> list[tuple[str | None, int]]:
    """Return what went back of a payment: the key and how much."""
    answer = merchant.call("GET", f"/v1/payments/{payment}/refunds")
    assert answer.status == 200
    books: dict[str, Any] = json.loads(answer.body)
    assert books["payment_id"] == payment
    return [(refund["key"], refund["amount_minor"]) for refund in books["refunds"]]


def test_a_key_sends_back_once_and_stands_for_one_refund(merchant: Merchant) -> None:
    _, payment = paid(merchant)
    first, again = send_back(merchant, payment), send_back(merchant, payment)
    assert (first.status, again.status) == (201, 200)
    assert json.loads(first.body) == json.loads(again.body)
    assert json.loads(first.body)["status"] == "done"
    other = send_back(merchant, payment, amount_minor=501)
    assert (other.status, json.loads(other.body)["code"]) == (409, "key_used")
    assert sent(merchant, payment) == [("ref-1", 500)]


def test_no_more_goes_back_than_was_taken(merchant: Merchant) -> None:
    _, payment = paid(merchant)
    send_back(merchant, payment)
    too_much = send_back(merchant, payment, key="ref-2", amount_minor=2001)
    assert (too_much.status, json.loads(too_much.body)["code"]) == (422, "refused")
    assert send_back(merchant, payment, key="ref-2", amount_minor=2000).status == 201
    assert send_back(merchant, payment, key="ref-3", amount_minor=1).status == 422
    assert sent(merchant, payment) == [("ref-1", 500), ("ref-2", 2000)]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 5.0},
        {"amount_minor": "5"},
        {"currency": "USD"},
        {"currency": "XXX"},
        {"key": ""},
        {"key": "ref 1"},
        {"key": None},
    ],
)
def test_a_bad_wish_sends_nothing_back(merchant: Merchant, changes: dict[str, object]) -> None:
    _, payment = paid(merchant)
    assert send_back(merchant, payment, **changes).status == 422
    assert sent(merchant, payment) == []


def test_another_accounts_payment_is_not_there(merchant: Merchant, receiver: Receiver) -> None:
    stranger = Merchant(merchant.access.base_url, receiver.url)
    _, payment = paid(stranger)
    for name in (payment, "pay-unknown"):
        assert send_back(merchant, name).status == 404
        assert merchant.call("GET", f"/v1/payments/{name}/refunds").status == 404
    assert sent(stranger, payment) == []
    assert send_back(stranger, payment).status == 201, "keys of others do not matter"
    _, own = paid(merchant)
    assert send_back(merchant, own).status == 201


def test_the_faults_on_order_go_off_once(merchant: Merchant) -> None:
    _, payment = paid(merchant)
    merchant.script("refund_unavailable", seconds=7)
    merchant.script("refund_refused")
    unavailable, refused = send_back(merchant, payment), send_back(merchant, payment)
    assert (unavailable.status, unavailable.headers["retry-after"]) == (503, "7")
    assert (refused.status, json.loads(refused.body)["code"]) == (422, "refused")
    assert sent(merchant, payment) == []
    assert send_back(merchant, payment).status == 201


def test_the_banks_own_desk_sends_back_what_is_left_and_tells_the_shop(
    merchant: Merchant, receiver: Receiver
) -> None:
    url, handle = merchant.checkout()
    press(url, "lose")
    payment = merchant.found(handle).payments[0].reference
    send_back(merchant, payment)
    assert b"Send the money back" in look(url).body
    assert press(f"{url}/reverse", "").status == 200
    assert sent(merchant, payment) == [("ref-1", 500), (None, 2000)]
    assert receiver.wait_for(1)[0].content["reference"] == handle.reference
    assert merchant.found(handle).state is ProviderState.PAID, "the checkout says nothing of it"
    assert press(f"{url}/reverse", "").status == 409
    assert len(sent(merchant, payment)) == 2


def test_where_nothing_was_taken_the_desk_sends_nothing_back(merchant: Merchant) -> None:
    url, handle = merchant.checkout()
    assert press(f"{url}/reverse", "").status == 409
    assert b"Send the money back" not in look(url).body
    assert merchant.found(handle).state is ProviderState.OPEN
    assert press(f"{url}0/reverse", "").status == 404
