"""Paystack's notices: believed only when their raw bytes are signed with the account's key."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import TIMEOUT_S, Shop, paystack_shop
from tests.sandbox.merchant import press
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.providers import http, paystack
from webapp.providers.base import (
    Access,
    Hint,
    HttpRequest,
    MalformedNoticeError,
    ProviderState,
    UnauthenticNoticeError,
)

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
KEY, OLD_KEY = "sk_test_of-this-account", "sk_test_before"
ACCESS = Access("412829", is_live=False, base_url="", secrets={"api_key": KEY})
ROTATED = Access(
    "412829", is_live=False, base_url="", secrets={"api_key": KEY, "previous_api_key": OLD_KEY}
)
# Spaced and ordered as no serialiser of ours would: only the raw bytes can be checked.
BODY = b'{ "event":"charge.success" ,"data":{"reference":"att-1","id":302961,"amount":10000} }'
HINT = Hint("charge.success:302961", "charge.success", "att-1", None)


def signed(body: bytes = BODY, *, key: str = KEY) -> str:
    """Sign as Paystack's documentation says."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def parse(signature: str | None, body: bytes = BODY, access: Access = ACCESS) -> Hint:
    """Hand a notice to the adapter as it arrives now."""
    headers = {} if signature is None else {"x-paystack-signature": signature}
    return paystack.parse_notice(access, headers, body, NOW)


def test_a_signed_notice_is_a_hint_and_nothing_more() -> None:
    assert parse(signed()) == HINT
    assert parse(signed().upper()) == HINT


def test_the_signature_is_the_documented_one() -> None:
    """HMAC-SHA512 by its definition (RFC 2104), without the library's help."""
    key = KEY.encode().ljust(128, b"\0")
    inner = hashlib.sha512(bytes(byte ^ 0x36 for byte in key) + BODY).digest()
    outer = hashlib.sha512(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()
    assert parse(outer) == HINT


def test_after_a_change_of_keys_both_open_for_a_while() -> None:
    assert parse(signed(key=OLD_KEY), access=ROTATED) == HINT
    assert parse(signed(), access=ROTATED) == HINT
    with pytest.raises(UnauthenticNoticeError):
        parse(signed(key=OLD_KEY))


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 128,
        signed()[:-1],
        signed() + "\n",
        signed() + "0",
        "sha512=" + signed(),
        "\u0660" * 128,
        signed(key="sk_test_of-another-account"),
        signed(key=""),
        signed(b"another body"),
        signed(json.dumps(json.loads(BODY)).encode()),
        hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest(),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("access", [ACCESS, ROTATED], ids=["one key", "two keys"])
def test_a_notice_that_is_not_signed_rightly_is_refused(
    signature: str | None, access: Access
) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signature, access=access)


def test_an_account_without_a_key_believes_nobody() -> None:
    for secrets in ({}, {"api_key": ""}, {"api_key": "", "previous_api_key": ""}):
        access = Access("412829", is_live=False, base_url="", secrets=secrets)
        with pytest.raises(UnauthenticNoticeError):
            parse(signed(key=""), access=access)


def test_a_body_changed_by_one_byte_is_refused() -> None:
    good = signed()
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        with pytest.raises(UnauthenticNoticeError):
            parse(good, changed)


def told(event: str, data: object) -> Hint:
    """Hand a rightly signed notice to the adapter."""
    body = json.dumps({"event": event, "data": data}).encode()
    return parse(signed(body), body)


@pytest.mark.parametrize(
    ("event", "data", "key", "reference"),
    [
        ("charge.success", {"id": 7, "reference": "att-1"}, "charge.success:7", "att-1"),
        ("charge.failed", {"id": 7, "reference": "att-1"}, "charge.failed:7", "att-1"),
        (
            "refund.processed",
            {"id": "9", "transaction_reference": "att-1", "amount": "10000"},
            "refund.processed:9",
            "att-1",
        ),
        (
            "refund.needs-attention",
            {"id": 9, "transaction_reference": "att-1", "refund_reference": None},
            "refund.needs-attention:9",
            "att-1",
        ),
        (
            "charge.dispute.create",
            {"id": 5, "transaction": {"id": 7, "reference": "att-1"}},
            "charge.dispute.create:5",
            "att-1",
        ),
        ("transfer.success", {"id": 3, "reference": "a-transfer"}, "transfer.success:3", None),
        ("something.new", {"id": 3}, "something.new:3", None),
    ],
)
def test_each_kind_keeps_the_reference_in_a_place_of_its_own(
    event: str, data: object, key: str, reference: str | None
) -> None:
    assert told(event, data) == Hint(key, event, reference, None)


def test_a_notice_without_an_id_is_known_by_its_words() -> None:
    pending = {"transaction_reference": "att-1", "amount": "1"}
    first, second = (
        told("refund.pending", pending),
        told("refund.pending", {**pending, "amount": 2}),
    )
    assert first.dedupe_key != second.dedupe_key
    assert first == told("refund.pending", pending)
    assert first.reference == "att-1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"event": "charge.success"}',
        b'{"event": "charge.success", "data": []}',
        b'{"event": "charge.success", "data": {"id": 1}}',
        b'{"event": "charge.success", "data": {"id": 1, "reference": ""}}',
        b'{"event": "charge.success", "data": {"id": 1, "reference": "a\\u0000"}}',
        b'{"event": "charge.success", "data": {"id": 1, "reference": {"$ne": 1}}}',
        b'{"event": "refund.failed", "data": {"id": 1, "reference": "att-1"}}',
        b'{"event": "charge.dispute.create", "data": {"id": 1, "transaction": 7}}',
        b'{"event": 7, "data": {"id": 1, "reference": "att-1"}}',
    ],
)
def test_a_signed_notice_that_makes_no_sense_says_so(content: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        parse(signed(content), content)


def test_an_old_notice_is_taken_since_nothing_signed_says_when() -> None:
    later = NOW + timedelta(days=300)
    headers = {"x-paystack-signature": signed()}
    assert paystack.parse_notice(ACCESS, headers, BODY, later) == HINT


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def hint_of(shop: Shop, receiver: Receiver, place: int) -> Hint:
    """Return what the adapter makes of a notice that came over the wire."""
    received = receiver.received[place]
    return paystack.parse_notice(shop.access, received.headers, received.body, clock.now())


def test_only_a_success_is_told(receiver: Receiver) -> None:
    fake = FakePaystack(webhook_url=receiver.url)
    with paystack_shop(fake) as shop:
        made, handle = shop.checkout()
        press(made.url, "decline")
        fake.courier.wait()
        assert receiver.received == []
        press(made.url, "pay")
        receiver.wait_for(1)
        hint = hint_of(shop, receiver, 0)
        assert (hint.kind, hint.reference) == ("charge.success", handle.reference)


def test_a_refund_is_told_at_each_step(receiver: Receiver) -> None:
    fake = FakePaystack(webhook_url=receiver.url)
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()
        fake.pay(handle.reference)
        wish = {"transaction": handle.reference, "merchant_note": "ref-1"}
        headers = {"Authorization": f"Bearer {fake.api_key}", "Content-Type": "application/json"}
        url = f"{fake.url}/refund"
        http.send(HttpRequest("POST", url, headers, json.dumps(wish).encode()), timeout_s=TIMEOUT_S)
        receiver.wait_for(2)
        fake.move_refunds(handle.reference, status="processed")
        receiver.wait_for(3)
        hints = [hint_of(shop, receiver, place) for place in range(3)]
        assert {hint.reference for hint in hints} == {handle.reference}
        kinds = {hint.kind for hint in hints}
        assert kinds == {"charge.success", "refund.pending", "refund.processed"}


def test_a_notice_is_signed_with_the_key_of_the_moment(receiver: Receiver) -> None:
    fake = FakePaystack(webhook_url=receiver.url)
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()
        fake.rotate_key()
        fake.pay(handle.reference)
        receiver.wait_for(1)
        with pytest.raises(UnauthenticNoticeError):
            hint_of(shop, receiver, 0)


def test_the_levers_work_from_another_process_too(receiver: Receiver) -> None:
    fake = FakePaystack()
    with paystack_shop(fake) as shop:
        _, handle = shop.checkout()

        def pull(path: str, wish: object) -> int:
            body, headers = json.dumps(wish).encode(), {"Content-Type": "application/json"}
            request = HttpRequest("POST", f"{fake.url}/_control/{path}", headers, body)
            return http.send(request, timeout_s=TIMEOUT_S).status

        assert pull("webhook", {"url": receiver.url}) == 201
        assert pull("notices", {"manner": "twice"}) == 201
        assert pull("faults", {"call": "verify", "way": "crashed"}) == 201
        assert pull(f"checkouts/{handle.reference}/pay", {"amount": 9000}) == 201
        assert pull(f"checkouts/{handle.reference}/explode", {}) == 404
        receiver.wait_for(2)
        assert str(shop.connection.read(handle, timeout_s=TIMEOUT_S)).find("status 500") > 0
        told = shop.found(handle)
        assert (told.state, told.payments[0].money.minor) == (ProviderState.PAID, 9000)
