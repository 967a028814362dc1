"""SumUp sends money back: what is asked for, what is answered, and what its books show."""

from typing import Any

import pytest

from tests.fakes.shops import TIMEOUT_S, Shop, sumup_shop
from tests.fakes.sumup import FakeSumUp
from tests.providers.answers import answer
from webapp.core.money import Money
from webapp.providers import http, sumup
from webapp.providers.base import Access, HttpRequest, Unreadable
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    RefundAnswer,
    RefundRead,
    RefundRefused,
    RefundState,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)

ACCESS = Access("MC/1", is_live=False, base_url="http://sumup.test", secrets={"api_key": "k"})
PROBLEM = "https://developer.sumup.com/problem"


def wish(minor: int, payment: str = "txn-1", *, is_whole: bool = False) -> RefundWish:
    return RefundWish("ref-1", payment, Money(minor, "EUR"), is_whole)


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_refund_always_says_how_much(is_whole: bool) -> None:
    request = sumup.build_refund(ACCESS, wish(1999, "txn/1", is_whole=is_whole))
    assert request.method == "POST"
    assert request.url == "http://sumup.test/v1.0/merchants/MC%2F1/payments/txn%2F1/refunds"
    assert request.body == b'{"amount": 19.99}'


def test_the_books_are_read_by_transaction() -> None:
    request = sumup.build_read_refunds(ACCESS, "a&b")
    assert request.method == "GET"
    assert request.url == "http://sumup.test/v2.1/merchants/MC%2F1/transactions?id=a%26b"


def problem(slug: str, detail: str) -> dict[str, str]:
    return {"type": f"{PROBLEM}/{slug}", "title": "No", "detail": detail}


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (201, {}, RefundAccepted(None, RefundState.PENDING)),
        (201, b"", RefundAccepted(None, RefundState.PENDING)),
        (400, problem("bad-request", "amount must be …"), RefundRefused("amount must be …")),
        (401, b"", RefundRefused("not authorised")),
        (403, problem("forbidden", "not allowed"), RefundRefused("not authorised: not allowed")),
        (404, problem("not-found", "None such"), RefundRefused("None such")),
        (422, problem("unprocessable-entity", "Refund failed."), RefundRefused("Refund failed.")),
        (400, b"<html>", RefundUnknown("status 400, the body is no JSON")),
        (404, {}, RefundUnknown("status 404")),
        (409, problem("conflict", "not refundable now"), RefundUnknown("status 409")),
        (408, {}, RefundUnknown("status 408")),
        (429, {}, RefundUnknown("status 429")),
        (500, {}, RefundUnknown("status 500")),
        (200, {}, RefundUnknown("status 200")),
        (302, {}, RefundUnknown("status 302")),
    ],
)
def test_a_refund_is_accepted_refused_or_in_doubt(
    status: int, content: object, expected: RefundAnswer
) -> None:
    assert sumup.parse_refund(answer(status, content)) == expected


EVENT: dict[str, Any] = {
    "id": 9_567_461_191,
    "event_type": "REFUND",
    "status": "REFUNDED",
    "amount": 5,
    "timestamp": "2026-11-20T10:00:00.000Z",
}
PAYOUT = {**EVENT, "event_type": "PAYOUT", "status": "SCHEDULED", "amount": 25.5}


def told(*events: object) -> dict[str, Any]:
    return {
        "id": "txn-1",
        "currency": "EUR",
        "status": "SUCCESSFUL",
        "transaction_events": list(events),
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", RefundState.PENDING),
        ("SCHEDULED", RefundState.PENDING),
        ("REFUNDED", RefundState.DONE),
        ("SUCCESSFUL", RefundState.DONE),
        ("RECONCILED", RefundState.DONE),
        ("PAID_OUT", RefundState.DONE),
        ("FAILED", RefundState.FAILED),
    ],
)
def test_each_status_of_a_refund_has_its_word_here(status: str, state: RefundState) -> None:
    read = sumup.parse_read_refunds(answer(200, told(PAYOUT, {**EVENT, "status": status})))
    assert read == FoundRefunds((SeenRefund("9567461191", Money(500, "EUR"), state),))


def test_refunds_come_in_the_order_of_their_time() -> None:
    later = {**EVENT, "id": 1, "timestamp": "2026-11-20T12:00:00+01:00", "amount": 0.1}
    unknown = {**EVENT, "id": 2, "timestamp": None}
    read = sumup.parse_read_refunds(answer(200, told(unknown, later, EVENT)))
    assert isinstance(read, FoundRefunds)
    assert [one.reference for one in read.refunds] == ["9567461191", "1", "2"]


@pytest.mark.parametrize("kind", ["PAYOUT", "CHARGE_BACK", "PAYOUT_DEDUCTION", "NEW", None])
def test_what_is_no_refund_is_none(kind: str | None) -> None:
    content = told({**EVENT, "event_type": kind, "id": None, "amount": None})
    assert sumup.parse_read_refunds(answer(200, content)) == FoundRefunds(())


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {**told(), "transaction_events": None}, "transaction_events is not understood"),
        (200, told(7), "transaction_events is not understood"),
        (200, {**told(), "id": None}, "id is not understood"),
        (200, told({**EVENT, "id": "1"}), "the id of a refund is not understood"),
        (200, told({**EVENT, "id": True}), "the id of a refund is not understood"),
        (200, told({**EVENT, "status": "NEW"}), "the status of a refund is not understood"),
        (200, told({**EVENT, "status": []}), "the status of a refund is not understood"),
        (200, told({**EVENT, "amount": -5}), "the money is not understood"),
        (200, told({**EVENT, "amount": 5.001}), "the money is finer than its currency"),
        (200, told({**EVENT, "timestamp": "soon"}), "timestamp is not understood"),
        (200, [], "status 200, the body is no JSON object"),
        (401, {}, "not authorised"),
        (404, {"error_code": "NOT_FOUND"}, "status 404"),
        (500, told(), "status 500"),
    ],
)
def test_books_that_are_not_understood_never_mean_that_nothing_went_back(
    status: int, content: object, expected: str
) -> None:
    assert sumup.parse_read_refunds(answer(status, content)) == Unreadable(expected)


def test_a_provider_that_asks_us_to_wait_is_heard() -> None:
    read = sumup.parse_read_refunds(answer(429, {}, {"retry-after": "5"}))
    assert read == Unreadable("status 429", 5)


def send(request: HttpRequest) -> RefundAnswer:
    return sumup.parse_refund(http.send(request, timeout_s=TIMEOUT_S))


def books(shop: Shop, payment: str) -> RefundRead:
    request = sumup.build_read_refunds(shop.access, payment)
    return sumup.parse_read_refunds(http.send(request, timeout_s=TIMEOUT_S))


def test_money_goes_back_in_parts_and_no_further() -> None:
    fake = FakeSumUp()
    with sumup_shop(fake) as shop:
        made, handle = shop.checkout()
        payment = fake.pay(made.checkout_id).id
        assert books(shop, payment) == FoundRefunds(())
        first = sumup.build_refund(shop.access, wish(1999, payment))
        assert send(first) == RefundAccepted(None, RefundState.PENDING)
        assert isinstance(send(first), RefundRefused)
        last = sumup.build_refund(shop.access, wish(501, payment))
        assert isinstance(send(last), RefundAccepted)
        assert isinstance(send(last), RefundUnknown)
        read = books(shop, payment)
        assert isinstance(read, FoundRefunds)
        assert [one.money.minor for one in read.refunds] == [1999, 501]
        # The checkout itself shows nothing of it.
        assert shop.found(handle).state.value == "PAID"


def test_a_refund_whose_answer_is_lost_is_found_in_the_books() -> None:
    fake = FakeSumUp()
    with sumup_shop(fake) as shop:
        made, _ = shop.checkout()
        payment = fake.pay(made.checkout_id).id
        fake.misbehave("refund", "cut")
        with pytest.raises(http.NoAnswerError):
            send(sumup.build_refund(shop.access, wish(2500, payment, is_whole=True)))
        fake.misbehave("transaction", "unavailable", seconds=3)
        assert books(shop, payment) == Unreadable("status 503", 3)
        read = books(shop, payment)
        assert isinstance(read, FoundRefunds)
        assert [(one.money.minor, one.state) for one in read.refunds] == [(2500, RefundState.DONE)]
