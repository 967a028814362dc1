"""The Stripe adapter sends money back: what it asks for, and what the answers mean."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.providers.answers import answer
from tests.providers.stripe_answers import REFUND, error
from tests.providers.test_stripe import ACCESS, form_of
from webapp.core.money import Money
from webapp.providers import stripe
from webapp.providers.base import Unreadable
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

REFUNDER: Refunder = stripe


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_refund_names_the_payment_the_amount_and_our_key(is_whole: bool) -> None:
    request = REFUNDER.build_refund(
        ACCESS, RefundWish("ref-1", "pi_1", Money(500, "EUR"), is_whole=is_whole)
    )
    assert (request.method, request.url) == ("POST", "https://stripe.test/v1/refunds")
    assert request.headers["Idempotency-Key"] == "ref-1"
    fields = {"payment_intent": "pi_1", "amount": "500", "metadata[key]": "ref-1"}
    assert form_of(request) == fields


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        ("succeeded", RefundState.DONE),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.FAILED),
    ],
)
def test_each_status_of_a_refund_has_its_word_here(status: str, state: RefundState) -> None:
    content = {**REFUND, "status": status}
    assert REFUNDER.parse_refund(answer(200, content)) == RefundAccepted("re_1", state)
    listed = {"object": "list", "data": [content], "has_more": False}
    seen = SeenRefund("re_1", Money(500, "EUR"), state, "ref-1")
    assert REFUNDER.parse_read_refunds(answer(200, listed)) == FoundRefunds((seen,))


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (400, error("Charge ch_1 has already been refunded."), "Charge ch_1 has already been …"),
        (402, error("Insufficient funds in your Stripe balance"), "Insufficient funds in …"),
        (404, error("No such payment_intent: 'pi_1'"), "No such …"),
        (400, error(), "status 400"),
        (401, error("Invalid API Key provided: sk_test_1"), "not authorised"),
        (403, b"", "not authorised"),
    ],
)
def test_a_clear_no_sends_nothing_back(status: int, content: object, expected: str) -> None:
    refused = REFUNDER.parse_refund(answer(status, content))
    assert isinstance(refused, RefundRefused)
    assert refused.reason.startswith(expected.rstrip("…"))


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, {**REFUND, "status": "underway"}),
        (200, {**REFUND, "status": None}),
        (200, {**REFUND, "id": None}),
        (200, {**REFUND, "object": "charge"}),
        (200, b"{"),
        (201, REFUND),
        (400, b"<html>"),
        (400, error("Keys can only be used …", type="idempotency_error")),
        (408, b""),
        (409, error()),
        (424, error()),
        (429, error()),
        (500, error()),
        (503, b""),
    ],
)
def test_where_money_may_have_gone_back_nothing_is_said(status: int, content: object) -> None:
    assert isinstance(REFUNDER.parse_refund(answer(status, content)), RefundUnknown)


def test_the_refunds_of_one_payment_are_asked_for() -> None:
    request = REFUNDER.build_read_refunds(ACCESS, "pi_1&limit=1")
    asked = urlsplit(request.url)
    assert (request.method, asked.path) == ("GET", "/v1/refunds")
    assert parse_qs(asked.query) == {"payment_intent": ["pi_1&limit=1"], "limit": ["100"]}


def test_the_oldest_refund_comes_first() -> None:
    newest_first = [{**REFUND, "id": "re_2", "metadata": {}}, REFUND]
    content = {"object": "list", "data": newest_first, "has_more": False}
    read = REFUNDER.parse_read_refunds(answer(200, content))
    assert isinstance(read, FoundRefunds)
    assert [(one.reference, one.key) for one in read.refunds] == [("re_1", "ref-1"), ("re_2", None)]


def test_no_refund_is_an_answer_too() -> None:
    content = {"object": "list", "data": [], "has_more": False}
    assert REFUNDER.parse_read_refunds(answer(200, content)) == FoundRefunds(())


@pytest.mark.parametrize(
    "content",
    [
        {"object": "list", "data": [REFUND], "has_more": True},
        {"object": "list", "data": [REFUND]},
        {"object": "list", "data": {}, "has_more": False},
        {"object": "list", "data": ["re_1"], "has_more": False},
        {"object": "list", "data": [{**REFUND, "amount": 5.0}], "has_more": False},
        {"object": "list", "data": [{**REFUND, "currency": "xxx"}], "has_more": False},
        {"object": "list", "data": [{**REFUND, "status": "underway"}], "has_more": False},
        REFUND,
        [],
        b"",
    ],
)
def test_a_list_that_is_not_understood_is_not_no_refunds(content: Any) -> None:
    assert isinstance(REFUNDER.parse_read_refunds(answer(200, content)), Unreadable)


@pytest.mark.parametrize("status", [204, 302, 400, 401, 403, 404, 409, 429, 500, 503])
def test_without_a_list_nothing_is_known(status: int) -> None:
    read = REFUNDER.parse_read_refunds(answer(status, error(), {"retry-after": "5"}))
    assert isinstance(read, Unreadable)
    assert read.retry_after_s == (None if status in {401, 403} else 5)
