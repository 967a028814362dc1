"""The SumUp adapter reads: what every answer means, and what means nothing."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.answers import answer
from webapp.core.money import EXPONENTS, Money
from webapp.providers import sumup, sumup_wire
from webapp.providers.base import (
    Adapter,
    Created,
    Found,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Read,
    Unreadable,
)
from webapp.providers.parsing import NotUnderstoodError

ADAPTER: Adapter = sumup

TRY: dict[str, Any] = {
    "id": "19aa3cca",
    "transaction_code": "TFDCP3FLQ7",
    "merchant_code": "ME7RMQN3",
    "amount": 25.0,
    "currency": "EUR",
    "timestamp": "2026-11-20T10:00:00.250Z",
    "status": "SUCCESSFUL",
    "payment_type": "ECOM",
}
PAID: dict[str, Any] = {
    "id": "f14425c6",
    "checkout_reference": "att-1",
    "amount": 25.0,
    "currency": "EUR",
    "merchant_code": "ME7RMQN3",
    "status": "PAID",
    "transaction_code": "TFDCP3FLQ7",
    "transaction_id": "19aa3cca",
    "transactions": [TRY],
}
OPEN = {
    **{key: value for key, value in PAID.items() if not key.startswith("transaction_")},
    "status": "PENDING",
    "transactions": [],
}
MONEY = Money(2500, "EUR")
AT = datetime(2026, 11, 20, 10, 0, 0, 250_000, UTC)
PROBLEM = "https://developer.sumup.com/problem"


def tried(*statuses: str, status: str = "PENDING") -> dict[str, Any]:
    """Return a checkout with one try of each status; the first one's id is 19aa3cca."""
    tries = [
        {**TRY, "id": TRY["id"] if place == 0 else f"try-{place}", "status": one}
        for place, one in enumerate(statuses)
    ]
    return {**(PAID if status == "PAID" else OPEN), "status": status, "transactions": tries}


def paid_with(**fields: object) -> dict[str, Any]:
    """Return the paid checkout with something else in its transaction."""
    return {**PAID, "transactions": [{**TRY, **fields}]}


def seen(content: object) -> Observation:
    """Read an answer that has to be understood."""
    read = ADAPTER.parse_read(answer(200, content))
    assert isinstance(read, Found), read
    return read.observation


def test_a_paid_checkout_is_understood() -> None:
    told = seen({**PAID, "hosted_checkout_url": "https://checkout.sumup.com/pay/1"})
    assert told == Observation(
        account="ME7RMQN3",
        checkout_id="f14425c6",
        reference="att-1",
        is_live=None,  # SumUp does not say
        state=ProviderState.PAID,
        raw_state="PAID",
        payments=(Payment("19aa3cca", MONEY, AT),),
        checkout_url="https://checkout.sumup.com/pay/1",
    )


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (OPEN, ProviderState.OPEN),
        ({**OPEN, "transactions": None}, ProviderState.OPEN),
        ({key: value for key, value in OPEN.items() if key != "transactions"}, ProviderState.OPEN),
        (tried("FAILED"), ProviderState.OPEN),
        (tried("PENDING"), ProviderState.PROCESSING),
        (tried("FAILED", "PENDING"), ProviderState.PROCESSING),
        (tried("SUCCESSFUL"), ProviderState.PROCESSING),
        ({**tried("SUCCESSFUL"), "transaction_id": "19aa3cca"}, ProviderState.PROCESSING),
        (tried("REFUNDED"), ProviderState.PROCESSING),
        (tried("FAILED", status="FAILED"), ProviderState.ATTEMPT_FAILED),
        (tried(status="FAILED"), ProviderState.ATTEMPT_FAILED),
        (tried(status="EXPIRED"), ProviderState.CLOSED),
        (tried("FAILED", "CANCELLED", "NEW", status="EXPIRED"), ProviderState.CLOSED),
        (tried("PENDING", status="EXPIRED"), ProviderState.CLOSED),
    ],
)
def test_what_is_not_paid_has_a_state_and_no_money(content: object, state: ProviderState) -> None:
    told = seen(content)
    assert (told.state, told.payments) == (state, ())


def test_tries_that_failed_before_the_good_one_count_for_nothing() -> None:
    told = seen(tried("SUCCESSFUL", "FAILED", "CANCELLED", "PENDING", "NEW", status="PAID"))
    assert (told.state, [one.reference for one in told.payments]) == (
        ProviderState.PAID,
        ["19aa3cca"],
    )


def test_two_successful_transactions_are_two_payments() -> None:
    told = seen(tried("SUCCESSFUL", "SUCCESSFUL", status="PAID"))
    assert told.state is ProviderState.PAID
    assert [one.reference for one in told.payments] == ["19aa3cca", "try-1"]


def test_a_transaction_that_was_refunded_is_money_that_came_and_went() -> None:
    told = seen(tried("REFUNDED", status="PAID"))
    assert told.state is ProviderState.REVERSED
    assert told.payments == (Payment("19aa3cca", MONEY, AT),)


def test_a_surplus_that_went_back_already_is_no_second_payment() -> None:
    told = seen(tried("SUCCESSFUL", "REFUNDED", status="PAID"))
    assert (told.state, len(told.payments)) == (ProviderState.PAID, 1)


@pytest.mark.parametrize(
    "content",
    [
        {**PAID, "colour": "blue"},
        paid_with(colour="blue"),
        paid_with(amount=25),
        {**PAID, "amount": 25},
        paid_with(timestamp=None),
        paid_with(timestamp="2026-11-20T11:00:00.250+01:00"),
        paid_with(merchant_code=None),
        {**PAID, "valid_until": 7, "date": None, "description": []},
    ],
)
def test_fields_that_do_not_matter_may_come_and_go(content: object) -> None:
    told = seen(content)
    assert [one.money for one in told.payments] == [MONEY]


@pytest.mark.parametrize(
    "content",
    [
        tried("SUCCESSFUL", status="FAILED"),
        tried("SUCCESSFUL", status="EXPIRED"),
        tried("REFUNDED", status="EXPIRED"),
        tried(status="PAID"),
        tried("FAILED", status="PAID"),
        tried("FAILED", "SUCCESSFUL", status="PAID"),
        {**PAID, "transactions": None},
        {**PAID, "transactions": {}},
        {**PAID, "transactions": ["19aa3cca"]},
        {**PAID, "transactions": [TRY, TRY]},
        {**PAID, "transaction_id": None},
        {**PAID, "transaction_id": "another"},
        {**PAID, "status": "REFUNDED"},
        {**PAID, "status": "paid"},
        {**PAID, "status": None},
        {**PAID, "merchant_code": None},
        {**PAID, "checkout_reference": 1},
        {**PAID, "id": "a\x00b"},
        {**PAID, "amount": 25.001},
        {**PAID, "amount": None},
        {**PAID, "currency": "XXX"},
        {**PAID, "hosted_checkout_url": "javascript:alert(1)"},
        paid_with(amount="25.00"),
        paid_with(amount=True),
        paid_with(amount=None),
        paid_with(amount=-25.0),
        paid_with(amount=25.001),
        paid_with(amount=1e30),
        paid_with(amount=10**30),
        paid_with(amount=float("nan")),
        paid_with(amount=float("inf")),
        paid_with(currency="eur"),
        paid_with(currency=["EUR"]),
        paid_with(currency="CLP", amount=25.5),
        paid_with(merchant_code="ANOTHER"),
        paid_with(id=None),
        paid_with(id="x" * 129),
        paid_with(timestamp="yesterday"),
        paid_with(timestamp="2026-11-20T10:00:00"),
        paid_with(timestamp=1_790_000_000),
        [PAID, PAID],
        [7],
        [[]],
        {},
        None,
        7,
        "PAID",
        b"",
        b"<html>",
        b'{"status": "PA',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"amount": ' + b"9" * 5000 + b"}",
        b'{"amount": 1e' + b"9" * 40 + b"}",
    ],
)
def test_what_is_not_understood_is_unreadable_and_never_unpaid(content: object) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Unreadable)


@pytest.mark.parametrize(
    "amount", ["25.000000000000000000000000000000000000000001", "24.99999999999999999999999999999"]
)
def test_no_fraction_is_lost_in_arithmetic(amount: str) -> None:
    raw = json.dumps(PAID).replace("25.0", amount).encode()
    assert isinstance(ADAPTER.parse_read(answer(200, raw)), Unreadable)


def test_an_unknown_status_is_named() -> None:
    read = ADAPTER.parse_read(answer(200, {**OPEN, "status": "ON HOLD"}))
    assert read == Unreadable("unsupported status 'ON HOLD'")


def test_a_search_by_reference_answers_with_an_array() -> None:
    assert seen([PAID]) == seen(PAID)
    assert ADAPTER.parse_read(answer(200, [])) == Missing()
    read = ADAPTER.parse_read(answer(200, [OPEN, PAID]))
    assert read == Unreadable("2 checkouts where one was asked for")


@pytest.mark.parametrize(
    ("status", "content", "headers", "expected"),
    [
        (404, {"error_code": "NOT_FOUND", "message": "Resource not found"}, {}, Missing()),
        (404, {"type": f"{PROBLEM}/checkout-not-found/", "title": "Not Found"}, {}, Missing()),
        (404, {"type": f"{PROBLEM}/not-found", "title": "x"}, {}, Unreadable("status 404")),
        (404, {"message": "Resource not found"}, {}, Unreadable("status 404")),
        (404, [], {}, Unreadable("status 404")),
        (404, b"<html>", {}, Unreadable("status 404, the body is no JSON")),
        (400, {"error_code": "NOT_FOUND"}, {}, Unreadable("status 400")),
        (401, {}, {}, Unreadable("not authorised", is_unauthorised=True)),
        (403, b"", {}, Unreadable("not authorised", is_unauthorised=True)),
        (408, {}, {}, Unreadable("status 408")),
        (429, {}, {"retry-after": "30"}, Unreadable("status 429", 30)),
        (500, PAID, {}, Unreadable("status 500")),
        (503, {}, {"retry-after": "0"}, Unreadable("status 503", 0)),
        (204, b"", {}, Unreadable("status 204")),
        (302, PAID, {}, Unreadable("status 302")),
        (201, PAID, {}, Unreadable("status 201")),
    ],
)
def test_only_a_clear_answer_is_taken(
    status: int, content: object, headers: dict[str, str], expected: Read
) -> None:
    assert ADAPTER.parse_read(answer(status, content, headers)) == expected


@given(
    minor=st.integers(0, 99_999_999_99),
    currency=st.sampled_from(sorted(ADAPTER.CAPABILITIES.currencies)),
)
def test_money_survives_the_way_as_a_float_of_theirs(minor: int, currency: str) -> None:
    """SumUp's own code calculates with floats; what it prints of a sum is the sum still."""
    money = Money(minor, currency)
    theirs = json.dumps(float(money.major))
    read = json.loads(theirs, parse_float=Decimal)
    assert sumup_wire.money(read, currency) == money
    assert sumup_wire.money(Decimal(money.major), currency) == money


@given(
    amount=st.decimals(allow_nan=False, allow_infinity=False) | st.integers() | st.floats(),
    currency=st.sampled_from(sorted(EXPONENTS)) | st.text(max_size=4),
)
def test_an_amount_is_understood_exactly_or_not_at_all(amount: object, currency: str) -> None:
    try:
        money = sumup_wire.money(amount, currency)
    except NotUnderstoodError:
        return
    assert not isinstance(amount, float)
    assert isinstance(amount, int | Decimal)
    assert Decimal(money.major) == amount


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    key=st.sampled_from([*PAID, "errors", "message", "error_code", "type"]),
    inner=st.sampled_from(sorted(TRY)),
    value=JUNK,
    status=st.integers(100, 599),
)
def test_junk_in_one_place_never_raises(key: str, inner: str, value: object, status: int) -> None:
    for content in ({**PAID, key: value}, paid_with(**{inner: value}), [value], {key: value}):
        said = answer(status, content)
        read = ADAPTER.parse_read(said)
        assert status == 200 or not isinstance(read, Found)
        ADAPTER.parse_create(said)
        sumup.parse_refund(said)
        sumup.parse_read_refunds(said)


@given(body=st.binary(max_size=200), status=st.integers(100, 599))
def test_noise_never_raises_and_is_never_found(body: bytes, status: int) -> None:
    said = answer(status, body)
    assert not isinstance(ADAPTER.parse_read(said), Found)
    assert not isinstance(ADAPTER.parse_create(said), Created)
    sumup.parse_refund(said)
    sumup.parse_read_refunds(said)
