"""The SumUp adapter asks: the requests it writes, and what became of a create and a close."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.providers.answers import answer
from webapp.core.money import Money
from webapp.providers import sumup
from webapp.providers.base import (
    Access,
    Adapter,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Handle,
    Refused,
    Unanswered,
)
from webapp.providers.refunds import Refunder

ADAPTER: Adapter = sumup
REFUNDER: Refunder = sumup

KEY = "sup_sk_0123456789"
ACCESS = Access("MCXXXXXX", is_live=False, base_url="http://sumup.test", secrets={"api_key": KEY})
WISH = CheckoutRequest(
    reference="att-1",
    money=Money(1999, "EUR"),
    description="Zwei Stühle",
    merchant_name="The Shop",
    return_url="http://shop.test/back",
    notice_url="http://shop.test/hooks/1",
    expires_at=datetime(2026, 11, 20, 11, tzinfo=UTC),
    buyer_email="ada@example.org",
)
MADE = {
    "id": "chk-1",
    "checkout_reference": "att-1",
    "amount": 19.99,
    "currency": "EUR",
    "merchant_code": "MCXXXXXX",
    "status": "PENDING",
    "hosted_checkout": {"enabled": True},
    "hosted_checkout_url": "https://checkout.sumup.com/pay/8f9316a3",
    "transactions": [],
}
PROBLEM = "https://developer.sumup.com/problem"

# What SumUp says no with: six shapes and some cousins.
MISSING = {"message": "Validation error", "error_code": "MISSING", "param": "merchant_code"}
UNAUTHORIZED = {"type": f"{PROBLEM}/unauthorized", "title": "Unauthorized", "status": 401}
FORBIDDEN = {
    "error_message": "checkout_payments_not_allowed",
    "error_code": "FORBIDDEN",
    "status_code": "403",
}
DUPLICATE = {"error_code": "DUPLICATED_CHECKOUT", "message": "Checkout … already exists"}
NESTED = {"errors": {"detail": "the amount is odd"}}
TOKEN = {"error_message": "invalid access token", "error_code": "NOT_AUTHORIZED"}


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (201, MADE, Created("chk-1", "https://checkout.sumup.com/pay/8f9316a3")),
        (201, {**MADE, "id": None}, Unanswered("id is not understood")),
        (
            201,
            {**MADE, "hosted_checkout_url": None},
            Unanswered("hosted_checkout_url is not understood"),
        ),
        (
            201,
            {**MADE, "hosted_checkout_url": "javascript:alert(1)"},
            Unanswered("hosted_checkout_url is not understood"),
        ),
        (201, [MADE], Unanswered("status 201, the body is no JSON object")),
        (201, b"{", Unanswered("status 201, the body is no JSON")),
        (200, MADE, Unanswered("status 200")),
        (302, b"", Unanswered("status 302")),
        (408, MISSING, Unanswered("status 408")),
        (409, DUPLICATE, Unanswered("status 409")),
        (409, {"type": f"{PROBLEM}/session-expired"}, Unanswered("status 409")),
        (409, b"", Unanswered("status 409")),
        (429, {}, Unanswered("status 429")),
        (500, b"", Unanswered("status 500")),
        (503, MISSING, Unanswered("status 503")),
        (504, {"type": f"{PROBLEM}/gateway-timeout"}, Unanswered("status 504")),
        (400, MISSING, Refused("Validation error (merchant_code)")),
        (
            400,
            [MISSING, {**MISSING, "param": "amount"}],
            Refused("Validation error (merchant_code); Validation error (amount)"),
        ),
        (400, [MISSING] * 9, Refused("; ".join(["Validation error (merchant_code)"] * 3))),
        (400, NESTED, Refused("the amount is odd")),
        (400, {"errors": [{"detail": "one"}, {"detail": "two"}]}, Refused("one; two")),
        (400, {"error_code": "INVALID"}, Refused("INVALID")),
        (400, {"type": f"{PROBLEM}/invalid-parameter/"}, Refused("invalid-parameter")),
        (422, {"title": "Unprocessable Entity", "detail": "No."}, Refused("No.")),
        (422, {"message": f"key {KEY}\nis bad"}, Refused("key … is bad")),
        (422, {"message": "Bearer abc.def is bad"}, Refused("… is bad")),
        (422, {"message": "x" * 1000}, Refused("x" * 200)),
        (400, {}, Unanswered("status 400, no known error")),
        (400, [], Unanswered("status 400, no known error")),
        (400, "no", Unanswered("status 400, no known error")),
        (400, {"message": 7, "errors": 8}, Unanswered("status 400, no known error")),
        (400, b"<html>", Unanswered("status 400, the body is no JSON")),
        (401, UNAUTHORIZED, Refused("not authorised", is_unauthorised=True)),
        (401, TOKEN, Refused("not authorised", is_unauthorised=True)),
        (401, b"", Refused("not authorised", is_unauthorised=True)),
        (403, FORBIDDEN, Refused("not authorised: checkout_payments_not_allowed")),
        (403, b"<html>", Refused("not authorised")),
    ],
)
def test_a_create_is_made_refused_or_in_doubt(
    status: int, content: object, expected: object
) -> None:
    assert ADAPTER.parse_create(answer(status, content)) == expected


def test_an_error_within_errors_within_errors_is_not_followed_for_ever() -> None:
    body = b'{"errors":' * 800 + b'{"detail": "deep"}' + b"}" * 800
    assert ADAPTER.parse_create(answer(400, body)) == Unanswered("status 400, no known error")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, CloseAnswer.CLOSED),
        (409, CloseAnswer.NOT_OPEN),
        (404, CloseAnswer.UNKNOWN),
        (401, CloseAnswer.UNKNOWN),
        (429, CloseAnswer.UNKNOWN),
        (500, CloseAnswer.UNKNOWN),
        (302, CloseAnswer.UNKNOWN),
    ],
)
def test_a_close_is_believed_only_when_it_is_clear(status: int, expected: CloseAnswer) -> None:
    assert ADAPTER.parse_close(answer(status, b"")) is expected


def test_a_create_says_all_that_sumup_wants_to_know_and_nothing_of_the_buyer() -> None:
    request = ADAPTER.build_create(ACCESS, WISH)
    assert (request.method, request.url) == ("POST", "http://sumup.test/v0.1/checkouts")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body is not None
    assert json.loads(request.body, parse_float=Decimal) == {
        "checkout_reference": "att-1",
        "amount": Decimal("19.99"),
        "currency": "EUR",
        "merchant_code": "MCXXXXXX",
        "description": "Zwei Stühle",
        "return_url": "http://shop.test/hooks/1",
        "redirect_url": "http://shop.test/back",
        "valid_until": "2026-11-20T11:00:00Z",
        "hosted_checkout": {"enabled": True},
    }


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1999, "EUR"), b'"amount": 19.99,'),
        (Money(1200, "EUR"), b'"amount": 12.00,'),
        (Money(1, "EUR"), b'"amount": 0.01,'),
        (Money(5000, "CLP"), b'"amount": 5000,'),
        (Money(9_999_999_999, "EUR"), b'"amount": 99999999.99,'),
    ],
)
def test_an_amount_is_written_exactly(money: Money, written: bytes) -> None:
    wish = CheckoutRequest.from_json(
        {**WISH.as_json(), "amount_minor": money.minor, "currency": money.currency}
    )
    assert written in (ADAPTER.build_create(ACCESS, wish).body or b"")


def test_a_long_description_is_cut_rather_than_refused() -> None:
    wish = CheckoutRequest.from_json({**WISH.as_json(), "description": "ü" * 10_000})
    body = ADAPTER.build_create(ACCESS, wish).body
    assert body is not None
    assert json.loads(body)["description"] == "ü" * 255


@pytest.mark.parametrize(
    ("handle", "path"),
    [
        (Handle("att-1", "chk-1"), "/v0.1/checkouts/chk-1"),
        (Handle("att-1", None), "/v0.1/checkouts?checkout_reference=att-1"),
        (Handle("a&b=c d", None), "/v0.1/checkouts?checkout_reference=a%26b%3Dc%20d"),
        (Handle("att-1", "../me?x"), "/v0.1/checkouts/..%2Fme%3Fx"),
    ],
)
def test_a_read_asks_by_id_where_it_is_known(handle: Handle, path: str) -> None:
    request = ADAPTER.build_read(ACCESS, handle)
    assert (request.method, request.url) == ("GET", f"http://sumup.test{path}")


def test_a_close_deactivates_the_checkout() -> None:
    request = ADAPTER.build_close(ACCESS, "chk/1")
    assert (request.method, request.url) == ("DELETE", "http://sumup.test/v0.1/checkouts/chk%2F1")


def test_keys_stay_out_of_reprs() -> None:
    for value in (ACCESS, ADAPTER.build_close(ACCESS, "chk-1")):
        assert KEY not in repr(value)


def test_a_checkout_does_not_outlive_its_page() -> None:
    assert ADAPTER.CAPABILITIES.max_expiry.total_seconds() == 30 * 60
