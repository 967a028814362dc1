"""The sandbox adapter asks: the requests it writes, and what became of a create and a close."""

import json
from datetime import UTC, datetime

import pytest

from tests.providers.answers import OPEN, answer
from webapp.core.money import Money
from webapp.providers import sandbox
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

ADAPTER: Adapter = sandbox

ACCESS = Access(
    account="sbx-demo",
    is_live=False,
    base_url="http://bank.test",
    secrets={"api_key": "sbk_sbx-demo_00", "notice_secret": "sbn_11"},
)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (201, OPEN, Created("chk-1", "http://bank.test/checkout/chk-1")),
        (201, {**OPEN, "id": None}, Unanswered("id is not understood")),
        (201, {**OPEN, "url": "/checkout/chk-1"}, Unanswered("url is not understood")),
        (201, b"{", Unanswered("status 201, the body is no JSON object")),
        (200, OPEN, Unanswered("status 200")),
        (302, b"", Unanswered("status 302")),
        (408, {}, Unanswered("status 408")),
        (429, {}, Unanswered("status 429")),
        (500, b"", Unanswered("status 500")),
        (503, {}, Unanswered("status 503")),
        (
            409,
            {"code": "duplicate_reference", "id": "chk-1"},
            Unanswered("the reference was used before"),
        ),
        (409, {"code": "other", "message": "No."}, Refused("No.")),
        (422, {"code": "invalid", "message": "currency: no"}, Refused("currency: no")),
        (422, {"message": "key sbk_sbx-demo_00\nis bad"}, Refused("key … is bad")),
        (422, {"message": "x" * 1000}, Refused("x" * 200)),
        (422, {"message": 7}, Refused("status 422")),
        (400, b"<html>", Unanswered("status 400, the body is no JSON object")),
        (401, {"message": "sbk_"}, Refused("not authorised", is_unauthorised=True)),
        (403, b"", Refused("not authorised", is_unauthorised=True)),
    ],
)
def test_a_create_is_made_refused_or_in_doubt(
    status: int, content: object, expected: object
) -> None:
    assert ADAPTER.parse_create(answer(status, content)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, CloseAnswer.CLOSED),
        (409, CloseAnswer.NOT_OPEN),
        (404, CloseAnswer.UNKNOWN),
        (401, CloseAnswer.UNKNOWN),
        (429, CloseAnswer.UNKNOWN),
        (500, CloseAnswer.UNKNOWN),
        (503, CloseAnswer.UNKNOWN),
        (302, CloseAnswer.UNKNOWN),
    ],
)
def test_a_close_is_believed_only_when_it_is_clear(status: int, expected: CloseAnswer) -> None:
    assert ADAPTER.parse_close(answer(status, b"")) is expected


def test_a_create_sends_exactly_what_was_stored_but_the_buyers_address() -> None:
    checkout = CheckoutRequest(
        reference="att-1",
        money=Money(2500, "EUR"),
        description="Zwei Stühle",
        merchant_name="The Shop",
        return_url="http://shop.test/back",
        notice_url="http://shop.test/hooks/1",
        expires_at=datetime(2026, 11, 20, 11, tzinfo=UTC),
        buyer_email="ada@example.org",
    )
    request = ADAPTER.build_create(ACCESS, checkout)
    assert (request.method, request.url) == ("POST", "http://bank.test/v1/checkouts")
    assert request.headers["Authorization"] == "Bearer sbk_sbx-demo_00"
    assert request.body is not None
    stored = checkout.as_json()
    assert stored.pop("buyer_email") == "ada@example.org"
    assert json.loads(request.body) == stored


@pytest.mark.parametrize(
    ("handle", "path"),
    [
        (Handle("att-1", "chk-1"), "/v1/checkouts/chk-1"),
        (Handle("att-1", None), "/v1/checkouts?reference=att-1"),
        (Handle("a&b=c d", None), "/v1/checkouts?reference=a%26b%3Dc%20d"),
        (Handle("att-1", "../ledger?x"), "/v1/checkouts/..%2Fledger%3Fx"),
    ],
)
def test_a_read_asks_by_id_where_it_is_known(handle: Handle, path: str) -> None:
    request = ADAPTER.build_read(ACCESS, handle)
    assert (request.method, request.url) == ("GET", f"http://bank.test{path}")


def test_a_close_names_the_checkout() -> None:
    request = ADAPTER.build_close(ACCESS, "chk/1")
    assert (request.method, request.url) == ("POST", "http://bank.test/v1/checkouts/chk%2F1/close")


def test_keys_stay_out_of_reprs() -> None:
    for value in (ACCESS, ADAPTER.build_close(ACCESS, "chk-1")):
        assert "sbk_" not in repr(value)
