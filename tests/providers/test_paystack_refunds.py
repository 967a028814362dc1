"""Paystack sends money back: what is asked for, what is answered, and what its list shows."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import TIMEOUT_S, Shop, paystack_shop
from tests.providers.answers import answer
from tests.providers.paystack_answers import envelope, refusal
from webapp.core.money import Money
from webapp.providers import http, paystack
from webapp.providers.base import Access, HttpRequest, ProviderState, Unreadable
from webapp.providers.connection import Connection
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

ACCESS = Access("412829", is_live=False, base_url="http://paystack.test", secrets={"api_key": "k"})


def wish(
    minor: int, payment: str = "1641", *, key: str = "ref-1", currency: str = "NGN"
) -> RefundWish:
    return RefundWish(key, payment, Money(minor, currency), is_whole=False)


def test_a_refund_carries_our_key_and_always_says_how_much() -> None:
    request = paystack.build_refund(ACCESS, wish(10_000))
    assert (request.method, request.url) == ("POST", "http://paystack.test/refund")
    assert request.body is not None
    assert json.loads(request.body) == {
        "transaction": "1641",
        "amount": 10_000,
        "currency": "NGN",
        "merchant_note": "ref-1",
    }
    francs = paystack.build_refund(ACCESS, wish(25, currency="XOF")).body
    assert francs is not None
    assert json.loads(francs)["amount"] == 2500


def test_refunds_are_read_by_transaction() -> None:
    request = paystack.build_read_refunds(ACCESS, "a&b")
    assert request.method == "GET"
    assert request.url == "http://paystack.test/refund?transaction=a%26b&perPage=100"


def queued(**fields: object) -> dict[str, Any]:
    return envelope({"id": 3_018_284, "status": "pending", "amount": "10000", **fields})


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, queued(), RefundAccepted("3018284", RefundState.PENDING)),
        (201, queued(), RefundAccepted("3018284", RefundState.PENDING)),
        (200, queued(status="processing"), RefundAccepted("3018284", RefundState.PENDING)),
        (200, queued(status="needs-attention"), RefundAccepted("3018284", RefundState.PENDING)),
        (200, queued(status="processed"), RefundAccepted("3018284", RefundState.DONE)),
        (200, queued(status="failed"), RefundAccepted("3018284", RefundState.FAILED)),
        (200, queued(status="new"), RefundUnknown("the status of a refund is not understood")),
        (200, queued(id=None), RefundUnknown("an id is not understood")),
        (200, envelope([]), RefundUnknown("data is not understood")),
        (200, b"", RefundUnknown("status 200, the body is no JSON object")),
        (400, refusal("Amount is too high"), RefundRefused("Amount is too high")),
        (404, refusal("Transaction not found"), RefundRefused("Transaction not found")),
        (400, {"status": False}, RefundRefused("status 400")),
        (
            400,
            refusal("Transaction has been fully reversed"),
            RefundUnknown("Transaction has been fully reversed"),
        ),
        (400, refusal("Already refunded"), RefundUnknown("Already refunded")),
        (400, b"<html>", RefundUnknown("status 400, the body is no JSON object")),
        (401, refusal("Invalid key"), RefundRefused("not authorised")),
        (403, refusal("Not allowed"), RefundRefused("not authorised: Not allowed")),
        (408, refusal("x"), RefundUnknown("status 408")),
        (409, refusal("x"), RefundUnknown("status 409")),
        (429, refusal("x"), RefundUnknown("status 429")),
        (500, refusal("x"), RefundUnknown("status 500")),
        (302, b"", RefundUnknown("status 302")),
    ],
)
def test_a_refund_is_accepted_refused_or_in_doubt(
    status: int, content: object, expected: RefundAnswer
) -> None:
    assert paystack.parse_refund(answer(status, content)) == expected


REFUND: dict[str, Any] = {
    "id": 12,
    "transaction": 1641,
    "amount": 5000,
    "currency": "NGN",
    "status": "processed",
    "merchant_note": "ref-1",
}
UNNAMED = SeenRefund("12", Money(5000, "NGN"), RefundState.DONE, payment="1641")
SEEN = replace(UNNAMED, key="ref-1")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], ()),
        ([REFUND], (SEEN,)),
        ([{**REFUND, "amount": "5000"}], (SEEN,)),
        ([{**REFUND, "transaction": {"id": 1641}}], (SEEN,)),
        (
            [{**REFUND, "merchant_note": "Refund for transaction T1 by a@b.c"}],
            (UNNAMED,),
        ),
        ([{**REFUND, "merchant_note": None}], (UNNAMED,)),
        (
            [{**REFUND, "id": 100, "merchant_note": "ref-2"}, REFUND],
            (SEEN, replace(SEEN, reference="100", key="ref-2")),
        ),
        ([{**REFUND, "transaction": 7}], (replace(SEEN, payment="7"),)),
    ],
)
def test_refunds_are_listed_the_oldest_first(
    data: list[object], expected: tuple[SeenRefund, ...]
) -> None:
    read = paystack.parse_read_refunds(answer(200, envelope(data)))
    assert read == FoundRefunds(expected)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, envelope(None), "data is not understood"),
        (200, envelope({}), "data is not understood"),
        (200, envelope([7]), "data is not understood"),
        (200, {**envelope([]), "status": False}, "data is not understood"),
        (200, envelope([{**REFUND, "transaction": None}]), "an id is not understood"),
        (200, envelope([REFUND] * 100), "more refunds than one page holds"),
        (200, envelope([{**REFUND, "id": "x"}]), "an id is not understood"),
        (200, envelope([{**REFUND, "amount": 5000.5}]), "the money is not understood"),
        (200, envelope([{**REFUND, "status": "new"}]), "the status of a refund is not understood"),
        (200, b"<html>", "status 200, the body is no JSON object"),
        (401, {}, "not authorised"),
        (404, refusal("Entity not found"), "status 404"),
        (500, envelope([]), "status 500"),
    ],
)
def test_a_list_that_is_not_understood_never_means_that_nothing_went_back(
    status: int, content: object, expected: str
) -> None:
    assert paystack.parse_read_refunds(answer(status, content)) == Unreadable(expected)


def send(request: HttpRequest) -> RefundAnswer:
    return paystack.parse_refund(http.send(request, timeout_s=TIMEOUT_S))


def listed(shop: Shop, payment: str) -> RefundRead:
    request = paystack.build_read_refunds(shop.access, payment)
    return paystack.parse_read_refunds(http.send(request, timeout_s=TIMEOUT_S))


def test_money_goes_back_in_parts_and_no_further() -> None:
    fake = FakePaystack()
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()
        _, other = shop.checkout()
        for one in (handle, other):
            fake.pay(one.reference)
        payment, another = (shop.found(one).payments[0].reference for one in (handle, other))
        send(paystack.build_refund(shop.access, wish(5000, another, key="ref-other")))
        first = send(paystack.build_refund(shop.access, wish(100_000, payment, key="ref-a")))
        assert isinstance(first, RefundAccepted)
        assert first.state is RefundState.PENDING
        rest = paystack.build_refund(shop.access, wish(150_000, payment, key="ref-b"))
        assert isinstance(send(rest), RefundAccepted)
        assert isinstance(send(rest), RefundUnknown)
        fake.move_refunds(handle.reference, status="processed")
        read = listed(shop, payment)
        assert isinstance(read, FoundRefunds)
        told = [(one.key, one.money.minor, one.state) for one in read.refunds]
        assert told == [
            ("ref-a", 100_000, RefundState.DONE),
            ("ref-b", 150_000, RefundState.DONE),
        ]
        assert read.refunds[0].reference == first.reference
        assert shop.found(handle).state is ProviderState.REVERSED


def test_another_payments_refund_is_never_taken_for_this_ones() -> None:
    fake = FakePaystack()
    fake.lists_all_refunds = True
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()
        _, other = shop.checkout()
        for one in (handle, other):
            fake.pay(one.reference)
        payment, another = (shop.found(one).payments[0].reference for one in (handle, other))
        send(paystack.build_refund(shop.access, wish(5000, another, key="ref-other")))
        books = Connection(paystack, shop.access)
        assert books.read_refunds(payment, timeout_s=TIMEOUT_S) == FoundRefunds(())
        send(paystack.build_refund(shop.access, wish(5000, payment, key="ref-own")))
        read = books.read_refunds(payment, timeout_s=TIMEOUT_S)
        assert isinstance(read, FoundRefunds)
        assert [one.key for one in read.refunds] == ["ref-own"]


def test_a_refund_whose_answer_is_lost_is_found_by_our_key() -> None:
    fake = FakePaystack()
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()
        fake.pay(handle.reference)
        payment = shop.found(handle).payments[0].reference
        fake.misbehave("refund", "cut")
        with pytest.raises(http.NoAnswerError):
            send(paystack.build_refund(shop.access, wish(5000, payment, key="ref-lost")))
        read = listed(shop, payment)
        assert isinstance(read, FoundRefunds)
        assert [one.key for one in read.refunds] == ["ref-lost"]
