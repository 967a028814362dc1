"""The billing adapter: what it asks, and how little it concludes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.answers import answer
from webapp.core.money import EXPONENTS, Money
from webapp.providers import billing
from webapp.providers.base import (
    Access,
    Adapter,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Found,
    Handle,
    HttpAnswer,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Recovery,
    Refused,
    Unanswered,
    UnauthenticNoticeError,
    Unreadable,
)
from webapp.providers.refunds import Refunder, RefundRefused, RefundWish

ADAPTER: Adapter = billing
REFUNDER: Refunder = billing

ACCESS = Access(
    account="billing",
    is_live=True,
    base_url="http://billing.test/billing/api/v1",
    secrets={"api_key": "the-key"},
)
CHECKOUT = CheckoutRequest(
    reference="att-1",
    money=Money(2500, "EUR"),
    description="Zwei Stühle",
    merchant_name="The Shop",
    return_url="https://shop.test/back",
    notice_url="https://shop.test/hooks/1",
    expires_at=datetime(2026, 11, 20, 11, tzinfo=UTC),
    buyer_email="ada@example.org",
)
MADE: dict[str, Any] = {
    "checkout_id": "co_1",
    "order_id": "order_1",
    "url": "https://billing.test/pay/co_1",
    "status": "open",
    "expires_at": "2026-11-20T11:00:00Z",
}
OPEN: dict[str, Any] = {
    "checkout_id": "co_1",
    "order_id": "order_1",
    "reference": "att-1",
    "status": "open",
    "amount": 2500,
    "currency": "EUR",
}
PAID = {**OPEN, "status": "success", "paid_at": "2026-11-20T10:00:00Z"}
PATHS = {"create_path": "/new", "cancel_path": "/{checkout_id}/cancel"}
OTHER = replace(ACCESS, options=PATHS)


def read(content: object) -> Observation:
    """Read a checkout that is understood."""
    found = ADAPTER.parse_read(answer(200, content))
    assert isinstance(found, Found), found
    return found.observation


def test_a_create_sends_the_wish_under_its_key_and_nothing_of_the_buyer() -> None:
    request = ADAPTER.build_create(ACCESS, CHECKOUT)
    assert (request.method, request.url) == ("POST", f"{ACCESS.base_url}/paysession")
    assert request.headers["x-api-key"] == "the-key"
    assert request.headers["Idempotency-Key"] == "att-1"
    assert request.body is not None
    assert json.loads(request.body) == {
        "reference": "att-1",
        "amount": 2500,
        "currency": "EUR",
        "description": "Zwei Stühle",
        "return_url": "https://shop.test/back",
        "expires_at": "2026-11-20T11:00:00Z",
    }


def test_the_stored_wish_writes_the_very_same_request_again() -> None:
    again = CheckoutRequest.from_json(CHECKOUT.as_json())
    assert ADAPTER.build_create(ACCESS, again) == ADAPTER.build_create(ACCESS, CHECKOUT)
    assert ADAPTER.CAPABILITIES.recovery is Recovery.SAME_REQUEST


@pytest.mark.parametrize(
    ("checkout_id", "path"), [("co_1", "/paysession/co_1"), ("../x?y", "/paysession/..%2Fx%3Fy")]
)
def test_a_read_and_a_cancel_name_the_checkout(checkout_id: str, path: str) -> None:
    asked = ADAPTER.build_read(ACCESS, Handle("att-1", checkout_id))
    assert (asked.method, asked.url) == ("GET", f"{ACCESS.base_url}{path}")
    cancelled = ADAPTER.build_close(ACCESS, checkout_id)
    assert (cancelled.method, cancelled.url) == ("DELETE", f"{ACCESS.base_url}{path}")
    assert asked.headers["x-api-key"] == cancelled.headers["x-api-key"] == "the-key"


def test_the_assumed_paths_can_be_set() -> None:
    assert ADAPTER.build_create(OTHER, CHECKOUT).url == f"{ACCESS.base_url}/new"
    assert ADAPTER.build_close(OTHER, "co/1").url == f"{ACCESS.base_url}/co%2F1/cancel"
    asked = ADAPTER.build_read(OTHER, Handle("att-1", "co_1"))
    assert asked.url == f"{ACCESS.base_url}/paysession/co_1"


@pytest.mark.parametrize("access", [ACCESS, OTHER])
def test_without_an_id_no_checkout_is_asked_for(access: Access) -> None:
    request = ADAPTER.build_read(access, Handle("att-1", None))
    assert (request.method, request.url) == ("OPTIONS", ADAPTER.build_create(access, CHECKOUT).url)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (201, MADE, Created("co_1", "https://billing.test/pay/co_1", "order_1")),
        (200, MADE, Created("co_1", "https://billing.test/pay/co_1", "order_1")),
        (201, {**MADE, "checkout_id": None}, Unanswered("checkout_id is not understood")),
        (201, {**MADE, "url": "pay/co_1"}, Unanswered("url is not understood")),
        (201, b"", Unanswered("status 201, the body is no JSON object")),
        (202, MADE, Unanswered("status 202")),
        (302, b"", Unanswered("status 302")),
        (400, b"<html>", Unanswered("status 400, the body is no JSON object")),
        (408, {}, Unanswered("status 408")),
        (409, {"message": "in use"}, Unanswered("status 409")),
        (425, {}, Unanswered("status 425")),
        (429, {}, Unanswered("status 429")),
        (500, {}, Unanswered("status 500")),
        (503, b"", Unanswered("status 503")),
        (422, {"message": "no such currency"}, Refused("no such currency")),
        (422, {"message": f"key {'k3' * 16}\nis bad"}, Refused("key … is bad")),
        (400, {"message": 7}, Refused("status 400")),
        (404, {}, Refused("status 404")),
        (401, {"message": "the-key"}, Refused("not authorised", is_unauthorised=True)),
        (403, b"", Refused("not authorised", is_unauthorised=True)),
    ],
)
def test_a_create_is_made_refused_or_in_doubt(
    status: int, content: object, expected: object
) -> None:
    assert ADAPTER.parse_create(answer(status, content)) == expected


def test_a_paid_checkout_is_understood() -> None:
    seen = read(PAID)
    taken = Payment("co_1", Money(2500, "EUR"), datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert (seen.checkout_id, seen.reference) == ("co_1", "att-1")
    assert (seen.state, seen.raw_state) == (ProviderState.PAID, "success")
    assert seen.payments == (taken,)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("open", ProviderState.OPEN),
        ("failure", ProviderState.ATTEMPT_FAILED),
        ("timeout", ProviderState.CLOSED),
    ],
)
def test_each_status_has_its_word_here(status: str, state: ProviderState) -> None:
    seen = read({**OPEN, "status": status})
    assert (seen.state, seen.raw_state, seen.payments) == (state, status, ())


@pytest.mark.parametrize("status", ["SUCCESS", "paid", "pondering", "", 7, None, ["success"], {}])
def test_without_a_known_status_it_is_still_active(status: object) -> None:
    seen = read({**PAID, "status": status})
    assert (seen.state, seen.payments) == (ProviderState.OPEN, ())
    assert seen.raw_state == (status if isinstance(status, str) and status else "200")


@pytest.mark.parametrize("said", [{}, {"status": "active"}])
def test_the_least_that_the_service_promises_is_enough(said: dict[str, Any]) -> None:
    assert read({"checkout_id": "co_1", "reference": "att-1"}).state is ProviderState.OPEN
    nameless = read(said)
    assert (nameless.state, nameless.checkout_id) == (ProviderState.OPEN, "")


@pytest.mark.parametrize("paid_at", [None, "yesterday", "2026-11-20T10:00:00", 1_790_000_000, {}])
def test_an_unclear_moment_holds_up_no_money(paid_at: object) -> None:
    assert read({**PAID, "paid_at": paid_at}).payments == (
        Payment("co_1", Money(2500, "EUR"), None),
    )


@pytest.mark.parametrize(
    "content",
    [
        {**PAID, "amount": 2500.0},
        {**PAID, "amount": 25.5},
        {**PAID, "amount": "2500"},
        {**PAID, "amount": True},
        {**PAID, "amount": None},
        {**PAID, "amount": -1},
        {**PAID, "amount": 10**30},
        {**PAID, "currency": "XXX"},
        {**PAID, "currency": None},
        {**PAID, "currency": ["EUR"]},
        {**PAID, "checkout_id": None},
        {**OPEN, "checkout_id": "a\x00"},
        {**OPEN, "reference": None},
        {**OPEN, "reference": "x" * 129},
        [],
        None,
        b"",
        b"OK",
        b'{"status": "succ',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_not_understood_is_unreadable_and_never_unpaid(content: object) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Unreadable)


@pytest.mark.parametrize("status", [201, 202, 204, 302, 400, 401, 403, 408, 410, 429, 500, 502])
def test_any_other_status_is_told_by_its_number_and_changes_nothing(status: int) -> None:
    seen = ADAPTER.parse_read(answer(status, PAID))
    assert seen == Unreadable(f"status {status}", is_unauthorised=status in {401, 403})


def test_a_checkout_that_is_not_there_is_missing() -> None:
    assert ADAPTER.parse_read(answer(404, {})) == ADAPTER.parse_read(answer(404, b"")) == Missing()


def test_being_asked_to_wait_is_heard() -> None:
    seen = ADAPTER.parse_read(answer(503, b"", {"retry-after": "30"}))
    assert seen == Unreadable("status 503", 30)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {**OPEN, "status": "timeout"}, CloseAnswer.CLOSED),
        (200, OPEN, CloseAnswer.UNKNOWN),
        (200, b"", CloseAnswer.UNKNOWN),
        (204, b"", CloseAnswer.UNKNOWN),
        (409, b"", CloseAnswer.NOT_OPEN),
        (401, {}, CloseAnswer.UNKNOWN),
        (404, {}, CloseAnswer.UNKNOWN),
        (500, {**OPEN, "status": "timeout"}, CloseAnswer.UNKNOWN),
    ],
)
def test_a_cancel_is_believed_only_when_it_is_clear(
    status: int, content: object, expected: CloseAnswer
) -> None:
    assert ADAPTER.parse_close(answer(status, content)) is expected


def test_no_notice_is_believed_since_there_are_none() -> None:
    assert ADAPTER.CAPABILITIES.sends_notices is False
    with pytest.raises(UnauthenticNoticeError):
        ADAPTER.parse_notice(ACCESS, {}, b"{}", datetime(2026, 11, 20, tzinfo=UTC))


def test_money_goes_back_by_hand() -> None:
    request = REFUNDER.build_refund(
        ACCESS, RefundWish("ref-1", "co_1", Money(2500, "EUR"), is_whole=True)
    )
    assert request == ADAPTER.build_read(ACCESS, Handle("att-1", "co_1"))
    for status in (200, 201, 404, 500):
        refused = REFUNDER.parse_refund(answer(status, PAID))
        assert isinstance(refused, RefundRefused)
        assert "by hand" in refused.reason
    assert REFUNDER.build_read_refunds(ACCESS, "co_1").method == "GET"
    assert isinstance(REFUNDER.parse_read_refunds(answer(200, PAID)), Unreadable)


def test_every_currency_of_ours_is_taken_as_it_is() -> None:
    assert ADAPTER.CAPABILITIES.currencies == set(EXPONENTS)
    for currency in EXPONENTS:
        assert read({**PAID, "currency": currency}).payments[0].money == Money(2500, currency)


@given(
    st.integers(100, 599),
    st.binary()
    | st.dictionaries(
        st.sampled_from(list(PAID)),
        st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.none()),
    ).map(lambda some: json.dumps({**PAID, **some}).encode()),
)
def test_no_answer_makes_it_raise_or_invent_money(status: int, body: bytes) -> None:
    said = HttpAnswer(status, {}, body)
    seen = ADAPTER.parse_read(said)
    ADAPTER.parse_create(said)
    ADAPTER.parse_close(said)
    if isinstance(seen, Found):
        assert status == 200
        paid = seen.observation.state is ProviderState.PAID
        assert bool(seen.observation.payments) is paid
        assert all(
            one.money.minor == json.loads(body)["amount"] for one in seen.observation.payments
        )


def test_keys_stay_out_of_reprs() -> None:
    for value in (ACCESS, ADAPTER.build_create(ACCESS, CHECKOUT)):
        assert "the-key" not in repr(value)
