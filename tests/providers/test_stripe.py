"""The Stripe adapter asks: the requests it writes, and what became of a create and a close."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import stripe_forms
from tests.providers.answers import answer
from tests.providers.stripe_answers import OPEN, error
from webapp.core.money import EXPONENTS, Money
from webapp.providers import stripe
from webapp.providers.base import (
    Access,
    Adapter,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Handle,
    HttpRequest,
    Recovery,
    Refused,
    Unanswered,
)
from webapp.providers.refunds import Refunder

ADAPTER: Adapter = stripe
REFUNDER: Refunder = stripe

ACCESS = Access(
    account="acct_1",
    is_live=False,
    base_url="https://stripe.test",
    secrets={"api_key": "sk_test_00", "notice_secret": "whsec_11"},
)
CHECKOUT = CheckoutRequest(
    reference="att-1",
    money=Money(2500, "EUR"),
    description="Zwei Stühle & mehr",
    merchant_name="The Shop",
    return_url="https://shop.test/pay/AB12CD34/processing?returned=1",
    notice_url="https://shop.test/hooks/stripe/1",
    expires_at=datetime(2026, 11, 20, 11, 0, 0, 900_000, UTC),
    buyer_email="ada@example.org",
)


def form_of(request: HttpRequest) -> dict[str, str]:
    """Read a form as a server does."""
    assert request.body is not None
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(request.body.decode("ascii"), strict_parsing=True)
    return {key: value for key, [value] in fields.items()}


def test_a_create_asks_for_one_card_payment_and_says_nothing_of_the_buyer() -> None:
    request = ADAPTER.build_create(ACCESS, CHECKOUT)
    assert (request.method, request.url) == ("POST", "https://stripe.test/v1/checkout/sessions")
    assert request.headers["Authorization"] == "Bearer sk_test_00"
    assert request.headers["Idempotency-Key"] == "att-1"
    assert request.headers["Stripe-Version"] == "2026-10-28.endive"
    assert "Stripe-Account" not in request.headers
    back = "https://shop.test/pay/AB12CD34/processing?returned=1"
    assert form_of(request) == {
        "mode": "payment",
        "client_reference_id": "att-1",
        "metadata[account]": "acct_1",
        "payment_intent_data[metadata][reference]": "att-1",
        "success_url": f"{back}&session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": back,
        "expires_at": str(int(datetime(2026, 11, 20, 11, 0, 0, 0, UTC).timestamp())),
        "allowed_payment_method_types[0]": "card",
        "adaptive_pricing[enabled]": "false",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "2500",
        "line_items[0][price_data][product_data][name]": "Zwei Stühle & mehr",
    }


def test_an_address_without_a_query_gets_one() -> None:
    checkout = CheckoutRequest.from_json(
        {**CHECKOUT.as_json(), "return_url": "https://shop.test/b"}
    )
    form = form_of(ADAPTER.build_create(ACCESS, checkout))
    assert form["success_url"] == "https://shop.test/b?session={CHECKOUT_SESSION_ID}"


def test_the_stored_wish_writes_the_very_same_request_again() -> None:
    first = CheckoutRequest.from_json(CHECKOUT.as_json())
    again = CheckoutRequest.from_json(first.as_json())
    assert ADAPTER.build_create(ACCESS, first) == ADAPTER.build_create(ACCESS, again)
    assert CHECKOUT.as_json() == first.as_json()
    assert form_of(ADAPTER.build_create(ACCESS, first)) == form_of(
        ADAPTER.build_create(ACCESS, CHECKOUT)
    )


@given(st.text(min_size=1), st.text(min_size=1, max_size=64))
def test_whatever_is_sold_stays_in_its_own_field(description: str, reference: str) -> None:
    try:
        description.encode()
        reference.encode()
    except UnicodeEncodeError:
        return
    wish = {**CHECKOUT.as_json(), "description": description, "reference": reference}
    form = ADAPTER.build_create(ACCESS, CheckoutRequest.from_json(wish)).body
    assert form is not None
    fields = parse_qs(form.decode("ascii"), keep_blank_values=True)
    assert fields["line_items[0][price_data][product_data][name]"] == [description[:250]]
    assert fields["client_reference_id"] == [reference]
    assert len(fields) == 13


@pytest.mark.parametrize(
    ("handle", "path"),
    [
        (Handle("att-1", "cs_test_1"), "/v1/checkout/sessions/cs_test_1"),
        (Handle("att-1", "../refunds?x"), "/v1/checkout/sessions/..%2Frefunds%3Fx"),
    ],
)
def test_a_read_asks_for_the_payment_too(handle: Handle, path: str) -> None:
    request = ADAPTER.build_read(ACCESS, handle)
    asked = urlsplit(request.url)
    assert (request.method, asked.path) == ("GET", path)
    assert parse_qs(asked.query) == {"expand[0]": ["payment_intent.latest_charge"]}


def test_without_an_id_nothing_is_asked_that_could_be_taken_for_an_answer() -> None:
    request = ADAPTER.build_read(ACCESS, Handle("att-1", None))
    assert (request.method, urlsplit(request.url).path) == ("GET", "/v1/checkout/sessions")
    assert "att-1" not in request.url


def test_a_close_names_the_session() -> None:
    request = ADAPTER.build_close(ACCESS, "cs/1")
    assert request.url == "https://stripe.test/v1/checkout/sessions/cs%2F1/expire"
    assert (request.method, request.body) == ("POST", b"")


def test_a_platform_names_the_account_in_every_request() -> None:
    options = {"connected_account": "acct_1"}
    access = Access("acct_1", False, "", ACCESS.secrets, options)
    for request in (
        ADAPTER.build_create(access, CHECKOUT),
        ADAPTER.build_read(access, Handle("att-1", "cs_1")),
        ADAPTER.build_close(access, "cs_1"),
        REFUNDER.build_read_refunds(access, "pi_1"),
    ):
        assert request.headers["Stripe-Account"] == "acct_1"


IN_DOUBT: list[tuple[int, Any, dict[str, str]]] = [
    (200, {**OPEN, "id": None}, {}),
    (200, {**OPEN, "url": None}, {}),
    (200, {**OPEN, "url": "javascript:alert(1)"}, {}),
    (200, {**OPEN, "object": "list"}, {}),
    (200, b"<html>", {}),
    (200, [], {}),
    (201, OPEN, {}),
    (204, b"", {}),
    (302, b"", {}),
    (400, b"<html>", {}),
    (400, {"error": "invalid"}, {}),
    (400, error("Keys can only be used …", type="idempotency_error"), {}),
    (400, error("lock", code="lock_timeout"), {"stripe-should-retry": "true"}),
    (404, {}, {}),
    (408, {}, {}),
    (409, error("There is currently another in-progress request"), {}),
    (424, error("A dependency failed"), {}),
    (425, {}, {}),
    (429, error("Too many requests"), {}),
    (500, error("Oops", type="api_error"), {"stripe-should-retry": "false"}),
    (502, b"", {}),
    (503, {}, {}),
    (504, {}, {}),
]


@pytest.mark.parametrize(("status", "content", "headers"), IN_DOUBT)
def test_where_a_session_may_have_been_made_nothing_is_said(
    status: int, content: object, headers: dict[str, str]
) -> None:
    assert isinstance(ADAPTER.parse_create(answer(status, content, headers)), Unanswered)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, OPEN, Created("cs_test_1", "https://checkout.stripe.com/c/pay/cs_test_1")),
        (400, error("Invalid currency"), Refused("Invalid currency")),
        (400, error("key sk_test_00\nis bad"), Refused("key … is bad")),
        (400, error("x" * 1000), Refused("x" * 200)),
        (400, error(), Refused("status 400")),
        (402, error("Your account is not active"), Refused("Your account is not active")),
        (
            401,
            error("Invalid API Key provided: sk_test_00"),
            Refused("not authorised", is_unauthorised=True),
        ),
        (403, b"", Refused("not authorised", is_unauthorised=True)),
    ],
)
def test_a_clear_answer_is_made_or_refused(status: int, content: object, expected: object) -> None:
    assert ADAPTER.parse_create(answer(status, content)) == expected


STATUS_OF = (
    'Only Checkout Sessions with a status in ["open"] can be expired. '
    "This Checkout Session has a status of `complete`."
)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {**OPEN, "status": "expired"}, CloseAnswer.CLOSED),
        (200, OPEN, CloseAnswer.UNKNOWN),
        (200, {"status": "expired"}, CloseAnswer.UNKNOWN),
        (200, b"", CloseAnswer.UNKNOWN),
        (400, error(STATUS_OF), CloseAnswer.NOT_OPEN),
        (400, error("No such thing"), CloseAnswer.UNKNOWN),
        (400, error(), CloseAnswer.UNKNOWN),
        (400, b"<html>", CloseAnswer.UNKNOWN),
        (401, error("Invalid API Key"), CloseAnswer.UNKNOWN),
        (404, error("No such checkout.session"), CloseAnswer.UNKNOWN),
        (409, error("locked"), CloseAnswer.UNKNOWN),
        (429, {}, CloseAnswer.UNKNOWN),
        (500, error(STATUS_OF), CloseAnswer.UNKNOWN),
        (503, {}, CloseAnswer.UNKNOWN),
    ],
)
def test_a_close_is_believed_only_when_it_is_clear(
    status: int, content: object, expected: CloseAnswer
) -> None:
    assert ADAPTER.parse_close(answer(status, content)) is expected


def test_the_same_request_is_the_way_back_to_a_lost_session() -> None:
    assert ADAPTER.CAPABILITIES.recovery is Recovery.SAME_REQUEST


def test_no_currency_is_taken_whose_minor_units_stripe_counts_otherwise() -> None:
    taken = ADAPTER.CAPABILITIES.currencies
    assert taken <= set(EXPONENTS)
    assert taken.isdisjoint({"HUF", "ISK", "TWD", "UGX", "BHD", "JOD", "KWD", "OMR", "TND"})
    for currency in taken:
        assert (EXPONENTS[currency] == 0) is (currency in stripe_forms.ZERO_DECIMAL)
        assert ADAPTER.CAPABILITIES.most[currency] == 99_999_999


def test_keys_stay_out_of_reprs() -> None:
    for value in (ACCESS, ADAPTER.build_create(ACCESS, CHECKOUT)):
        assert "sk_test" not in repr(value)
