"""The Paystack adapter asks: the requests it writes, and what became of a create and a close."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.providers.answers import answer
from tests.providers.paystack_answers import envelope, refusal
from webapp.core.money import EXPONENTS, Money
from webapp.providers import paystack
from webapp.providers.base import (
    Access,
    Adapter,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Handle,
    Recovery,
    Refused,
    Unanswered,
)
from webapp.providers.refunds import Refunder

ADAPTER: Adapter = paystack
REFUNDER: Refunder = paystack

KEY = "sk_test_0123456789"
ACCESS = Access("412829", is_live=False, base_url="http://paystack.test", secrets={"api_key": KEY})
WISH = CheckoutRequest(
    reference="att-1",
    money=Money(30_050, "NGN"),
    description="Zwei Stühle",
    merchant_name="The Shop",
    return_url="http://shop.test/back",
    notice_url="http://shop.test/hooks/1",
    expires_at=datetime(2026, 11, 20, 11, tzinfo=UTC),
    buyer_email="ada@example.org",
)
DATA = {
    "authorization_url": "https://checkout.paystack.com/3ni8kdavz62431k",
    "access_code": "3ni8kdavz62431k",
    "reference": "att-1",
}
MADE = envelope(DATA, message="Authorization URL created")


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, MADE, Created("att-1", "https://checkout.paystack.com/3ni8kdavz62431k")),
        (
            200,
            envelope({**DATA, "reference": None}),
            Unanswered("reference is not understood"),
        ),
        (
            200,
            envelope({**DATA, "authorization_url": "/x"}),
            Unanswered("authorization_url is not understood"),
        ),
        (200, envelope(None), Unanswered("data is not understood")),
        (200, envelope([DATA]), Unanswered("data is not understood")),
        (200, {**MADE, "status": "true"}, Unanswered("status 200, the body is no envelope")),
        (200, {"data": DATA}, Unanswered("status 200, the body is no envelope")),
        (200, b"{", Unanswered("status 200, the body is no JSON object")),
        (200, refusal("No."), Refused("No.")),
        (201, MADE, Unanswered("status 201")),
        (302, b"", Unanswered("status 302")),
        (408, refusal("No."), Unanswered("status 408")),
        (409, refusal("No."), Unanswered("status 409")),
        (429, refusal("Rate limit exceeded!", "rate_limited"), Unanswered("status 429")),
        (500, b"", Unanswered("status 500")),
        (503, refusal("No."), Unanswered("status 503")),
        (
            400,
            refusal("Duplicate Transaction Reference", "duplicate_reference"),
            Unanswered("the reference was used before"),
        ),
        (
            400,
            refusal("duplicate transaction reference."),
            Unanswered("the reference was used before"),
        ),
        (400, refusal("x", "duplicate_reference"), Unanswered("the reference was used before")),
        (
            200,
            refusal("Duplicate Transaction Reference"),
            Unanswered("the reference was used before"),
        ),
        (400, refusal("Invalid Amount Sent"), Refused("Invalid Amount Sent")),
        (400, refusal(f"key {KEY}\nis bad"), Refused("key … is bad")),
        (400, refusal("x" * 1000), Refused("x" * 200)),
        (400, {"status": False, "message": 7}, Refused("status 400")),
        (400, MADE, Unanswered("status 400 that calls itself a success")),
        (400, {"message": "No."}, Unanswered("status 400, the body is no envelope")),
        (400, b"<html>", Unanswered("status 400, the body is no JSON object")),
        (404, refusal("Route not found"), Refused("Route not found")),
        (401, refusal("Invalid key"), Refused("not authorised", is_unauthorised=True)),
        (401, b"", Refused("not authorised", is_unauthorised=True)),
        (403, b"<html>", Refused("not authorised")),
        (403, refusal("Currency not supported"), Refused("not authorised: Currency not supported")),
    ],
)
def test_a_create_is_made_refused_or_in_doubt(
    status: int, content: object, expected: object
) -> None:
    assert ADAPTER.parse_create(answer(status, content)) == expected


def test_a_create_says_what_paystack_wants_to_know() -> None:
    request = ADAPTER.build_create(ACCESS, WISH)
    assert (request.method, request.url) == (
        "POST",
        "http://paystack.test/transaction/initialize",
    )
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body is not None
    assert json.loads(request.body) == {
        "email": "ada@example.org",
        "amount": 30_050,
        "currency": "NGN",
        "reference": "att-1",
        "callback_url": "http://shop.test/back",
        "metadata": {"cancel_action": "http://shop.test/back", "description": "Zwei Stühle"},
    }


def test_without_an_address_none_is_made_up() -> None:
    body = ADAPTER.build_create(ACCESS, replace(WISH, buyer_email=None)).body
    assert body is not None
    assert "email" not in json.loads(body)


@pytest.mark.parametrize(
    ("money", "sent"),
    [
        (Money(2500, "USD"), 2500),
        (Money(5000, "NGN"), 5000),
        (Money(2500, "XOF"), 250_000),  # no smaller unit, and hundredths all the same
        (Money(1, "XOF"), 100),
    ],
)
def test_money_is_sent_in_hundredths_of_every_currency(money: Money, sent: int) -> None:
    body = ADAPTER.build_create(ACCESS, replace(WISH, money=money)).body
    assert body is not None
    assert json.loads(body)["amount"] == sent


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        (Handle("att-1", None), "att-1"),
        (Handle("att-1", "att-1"), "att-1"),
        (Handle("a&b=c d/..", None), "a%26b%3Dc%20d%2F.."),
    ],
)
def test_a_read_goes_by_the_reference(handle: Handle, name: str) -> None:
    request = ADAPTER.build_read(ACCESS, handle)
    assert (request.method, request.url) == (
        "GET",
        f"http://paystack.test/transaction/verify/{name}",
    )


def test_a_close_asks_for_nothing_and_never_says_that_it_was_done() -> None:
    assert ADAPTER.CAPABILITIES.can_close is False
    request = ADAPTER.build_close(ACCESS, "att-1")
    assert (request.method, request.body) == ("GET", None)
    for status in (200, 404, 409, 500):
        assert ADAPTER.parse_close(answer(status, MADE)) is CloseAnswer.UNKNOWN


def test_what_paystack_can_do_is_told_beforehand() -> None:
    can = ADAPTER.CAPABILITIES
    assert can.recovery is Recovery.WATCH_ONLY
    assert (can.needs_email, can.can_repeat_refund) == (True, False)
    assert set(can.least) == can.currencies
    # 50.00 naira, 2.00 dollars, 0.10 cedis, 1.00 rand, 3.00 shillings, 1 franc.
    least = {code: Money(minor, code).major for code, minor in can.least.items()}
    assert least == {
        "NGN": "50.00",
        "USD": "2.00",
        "GHS": "0.10",
        "ZAR": "1.00",
        "KES": "3.00",
        "XOF": "1",
    }
    assert EXPONENTS["XOF"] == 0


def test_keys_stay_out_of_reprs() -> None:
    for value in (ACCESS, ADAPTER.build_close(ACCESS, "att-1")):
        assert KEY not in repr(value)
