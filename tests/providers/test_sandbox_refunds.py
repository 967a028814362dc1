"""The sandbox's adapter sends money back: what it asks for, and what the answers mean."""

import json
from typing import Any

import pytest

from tests.providers.answers import NO_OBJECTS, answer
from webapp.core.money import Money
from webapp.providers import sandbox
from webapp.providers.base import Access, Unreadable
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    Refunder,
    RefundRefused,
    RefundState,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)

REFUNDER: Refunder = sandbox
ACCESS = Access("sbx-demo", is_live=False, base_url="http://bank.test", secrets={"api_key": "k"})
REFUND: dict[str, Any] = {
    "id": "rfd-1",
    "payment_id": "pay-1",
    "key": "ref-1",
    "amount_minor": 500,
    "currency": "EUR",
    "status": "done",
    "made_at": "2026-11-20T10:00:00.250Z",
}


def test_a_refund_names_our_key_and_the_money() -> None:
    wish = RefundWish("ref-1", "pay/1", Money(500, "EUR"), is_whole=False)
    request = REFUNDER.build_refund(ACCESS, wish)
    assert (request.method, request.url) == ("POST", "http://bank.test/v1/payments/pay%2F1/refunds")
    assert request.body is not None
    assert json.loads(request.body) == {"key": "ref-1", "amount_minor": 500, "currency": "EUR"}
    read = REFUNDER.build_read_refunds(ACCESS, "pay/1")
    assert (read.method, read.url, read.body) == ("GET", request.url, None)


@pytest.mark.parametrize("status", [200, 201])
def test_what_was_sent_back_is_done_at_once(status: int) -> None:
    done = RefundAccepted("rfd-1", RefundState.DONE)
    assert REFUNDER.parse_refund(answer(status, REFUND)) == done


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (422, {"code": "refused", "message": "No."}, "No."),
        (404, {"code": "not_found", "message": "There is no such payment."}, "There is no"),
        (422, {"code": "invalid", "message": None}, "status 422"),
        (422, {"code": "invalid", "message": "key sbk_secret"}, "key …"),
        (401, b"", "not authorised"),
    ],
)
def test_a_clear_no_sends_nothing_back(status: int, content: object, reason: str) -> None:
    refused = REFUNDER.parse_refund(answer(status, content))
    assert isinstance(refused, RefundRefused)
    assert refused.reason.startswith(reason)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (201, {**REFUND, "status": "pending"}),
        (201, {**REFUND, "id": None}),
        (201, {**REFUND, "amount_minor": 5.0}),
        *[(201, content) for content in NO_OBJECTS],
        (404, b"<html>"),
        (422, {}),
        (409, {"code": "key_used", "message": "used"}),
        (429, {}),
        (500, {}),
        (503, {}),
        (302, {}),
    ],
)
def test_where_money_may_have_gone_back_nothing_is_said(status: int, content: object) -> None:
    assert isinstance(REFUNDER.parse_refund(answer(status, content)), RefundUnknown)


def test_the_books_are_told_as_they_are() -> None:
    listed = {"refunds": [REFUND, {**REFUND, "id": "rfd-2", "key": None}]}
    money = Money(500, "EUR")
    seen = (
        SeenRefund("rfd-1", money, RefundState.DONE, "ref-1"),
        SeenRefund("rfd-2", money, RefundState.DONE, None),
    )
    assert REFUNDER.parse_read_refunds(answer(200, listed)) == FoundRefunds(seen)
    assert REFUNDER.parse_read_refunds(answer(200, {"refunds": []})) == FoundRefunds(())


@pytest.mark.parametrize(
    ("status", "content"),
    [
        *[(200, content) for content in NO_OBJECTS],
        (200, {"refunds": {}}),
        (200, {"refunds": ["rfd-1"]}),
        (200, {"refunds": [{**REFUND, "status": "odd"}]}),
        (200, {"refunds": [{**REFUND, "key": ""}]}),
        (404, {"code": "not_found"}),
        (401, {}),
        (500, {}),
    ],
)
def test_without_a_list_nothing_is_known(status: int, content: object) -> None:
    assert isinstance(REFUNDER.parse_read_refunds(answer(status, content)), Unreadable)


def test_being_asked_to_wait_is_heard() -> None:
    read = REFUNDER.parse_read_refunds(answer(503, {}, {"retry-after": "5"}))
    assert read == Unreadable("status 503", 5)
