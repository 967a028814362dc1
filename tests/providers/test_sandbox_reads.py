"""The sandbox adapter reads: what every answer of the bank means, and what means nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.providers.answers import NO_OBJECTS, OPEN, PAID, answer, paid_with
from webapp.core.money import Money
from webapp.providers import sandbox
from webapp.providers.base import (
    Adapter,
    Found,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Read,
    Unreadable,
)

ADAPTER: Adapter = sandbox


def test_a_paid_checkout_is_understood() -> None:
    assert ADAPTER.parse_read(answer(200, PAID)) == Found(
        Observation(
            account="sbx-demo",
            checkout_id="chk-1",
            reference="att-1",
            is_live=False,
            state=ProviderState.PAID,
            raw_state="paid",
            payments=(
                Payment(
                    "pay-1", Money(2500, "EUR"), datetime(2026, 11, 20, 10, 0, 0, 250_000, UTC)
                ),
            ),
            checkout_url="http://bank.test/checkout/chk-1",
            reason=None,
        )
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("open", ProviderState.OPEN),
        ("processing", ProviderState.PROCESSING),
        ("declined", ProviderState.FAILED),
        ("closed", ProviderState.CLOSED),
    ],
)
def test_each_status_has_its_word_here(status: str, state: ProviderState) -> None:
    read = ADAPTER.parse_read(answer(200, {**OPEN, "status": status, "reason": "so\nit is"}))
    assert isinstance(read, Found)
    assert (read.observation.state, read.observation.raw_state) == (state, status)
    assert read.observation.reason == "so it is"


@pytest.mark.parametrize(
    "content",
    [
        {**PAID, "colour": "blue"},
        {key: value for key, value in PAID.items() if key not in {"url", "reason", "expires_at"}},
        {**PAID, "reason": 7},
        paid_with(paid_at=None),
        paid_with(colour="blue"),
        paid_with(amount_minor=0),
        {**PAID, "payments": PAID["payments"] * 2},  # type: ignore[operator]  # a list
    ],
)
def test_fields_that_do_not_matter_may_come_and_go(content: dict[str, Any]) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Found)


@pytest.mark.parametrize(
    "content",
    [
        paid_with(amount_minor=2500.0),
        paid_with(amount_minor=25.5),
        paid_with(amount_minor="2500"),
        paid_with(amount_minor=True),
        paid_with(amount_minor=None),
        paid_with(amount_minor=-2500),
        paid_with(amount_minor=10**30),
        paid_with(currency="XXX"),
        paid_with(currency="eur"),
        paid_with(currency=None),
        paid_with(currency=["EUR"]),
        paid_with(id=None),
        paid_with(id=""),
        paid_with(id="x" * 129),
        paid_with(id="\ud800"),
        paid_with(paid_at="yesterday"),
        paid_with(paid_at="2026-11-20T10:00:00"),
        paid_with(paid_at=1_790_000_000),
        {**PAID, "payments": []},
        {**PAID, "payments": None},
        {**PAID, "payments": {}},
        {**PAID, "payments": ["pay-1"]},
        {**OPEN, "payments": PAID["payments"]},
        {**OPEN, "status": "closed", "payments": PAID["payments"]},
        {**PAID, "status": "refunded"},
        {**PAID, "status": "PAID"},
        {**PAID, "status": None},
        {**PAID, "livemode": "false"},
        {**PAID, "livemode": None},
        {**PAID, "account": None},
        {**PAID, "reference": 1},
        {**PAID, "id": "a\x00b"},
        {**PAID, "amount_minor": 25.0},
        {**PAID, "currency": "XXX"},
        {**PAID, "url": "javascript:alert(1)"},
        *NO_OBJECTS,
        b'{"status": "pa',
    ],
)
def test_what_is_not_understood_is_unreadable_and_never_unpaid(content: object) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Unreadable)


def test_an_unknown_status_is_named() -> None:
    read = ADAPTER.parse_read(answer(200, {**OPEN, "status": "on hold"}))
    assert read == Unreadable("unsupported status 'on hold'")


DATE = {"date": "Fri, 20 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("status", "content", "headers", "expected"),
    [
        (404, {"code": "not_found"}, {}, Missing()),
        (404, {"code": "no_route"}, {}, Unreadable("status 404")),
        (404, b"<html>", {}, Unreadable("status 404, the body is no JSON object")),
        (401, {}, {}, Unreadable("not authorised", is_unauthorised=True)),
        (403, b"", {}, Unreadable("not authorised", is_unauthorised=True)),
        (408, {}, {}, Unreadable("status 408")),
        (429, {}, {"retry-after": "30"}, Unreadable("status 429", 30)),
        (500, PAID, {}, Unreadable("status 500")),
        (503, {}, {"retry-after": "0"}, Unreadable("status 503", 0)),
        (503, {}, {"retry-after": "999999999"}, Unreadable("status 503", 86_400)),
        (503, {}, {"retry-after": "soon"}, Unreadable("status 503")),
        (503, {}, {"retry-after": "-5"}, Unreadable("status 503")),
        (
            503,
            {},
            {"retry-after": "Fri, 20 Nov 2026 10:01:30 GMT", **DATE},
            Unreadable("status 503", 90),
        ),
        (
            503,
            {},
            {"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", **DATE},
            Unreadable("status 503", 0),
        ),
        (503, {}, {"retry-after": "Fri, 20 Nov 2026 10:01:30 GMT"}, Unreadable("status 503")),
        (204, b"", {}, Unreadable("status 204")),
        (302, PAID, {}, Unreadable("status 302")),
        (201, PAID, {}, Unreadable("status 201")),
    ],
)
def test_only_a_clear_answer_is_taken(
    status: int, content: object, headers: dict[str, str], expected: Read
) -> None:
    assert ADAPTER.parse_read(answer(status, content, headers)) == expected
