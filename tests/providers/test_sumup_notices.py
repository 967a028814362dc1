"""SumUp's notices: unsigned callbacks that only point, and events believed only when signed."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sumup import events as official

from tests.fakes.shops import Shop, sumup_shop
from tests.fakes.sumup import FakeSumUp
from tests.sandbox.merchant import press
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.providers import sumup
from webapp.providers.base import (
    Access,
    Hint,
    MalformedNoticeError,
    ProviderState,
    UnauthenticNoticeError,
)

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECRET = "whsec_of-this-account"
ACCESS = Access("MC1", is_live=False, base_url="", secrets={"event_secret": SECRET})
WITHOUT = Access("MC1", is_live=False, base_url="", secrets={})
CALLBACK = b'{"event_type": "CHECKOUT_STATUS_CHANGED", "id": "chk-1"}'
EVENT = json.dumps(
    {
        "id": "evt_1",
        "type": "checkouts.paid",
        "created_at": "2026-11-20T10:00:00Z",
        "object": {"id": "chk-1", "type": "checkout", "url": "https://api.sumup.com/…"},
    }
).encode()
HINT = Hint("evt_1", "checkouts.paid", None, "chk-1")


def signed(body: bytes = EVENT, *, at: datetime = NOW, secret: str = SECRET) -> str:
    """Sign as SumUp's own library checks it, but written from its words."""
    moment = str(int(at.timestamp()))
    signed = b":".join((b"v1", moment.encode(), body))
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def parse(signature: str | None, body: bytes = EVENT, access: Access = ACCESS) -> Hint:
    """Hand a notice to the adapter as it arrives now."""
    headers = {} if signature is None else {"x-sumup-webhook-signature": signature}
    return sumup.parse_notice(access, headers, body, NOW)


@pytest.mark.parametrize("access", [ACCESS, WITHOUT])
def test_a_callback_points_to_its_checkout_whether_or_not_there_is_a_secret(access: Access) -> None:
    hint = parse(None, CALLBACK, access)
    kind = "CHECKOUT_STATUS_CHANGED"
    assert hint == Hint("chk-1", kind, None, "chk-1", is_signed=False)


def test_a_callback_of_a_kind_that_we_do_not_know_is_a_hint_as_well() -> None:
    hint = Hint("x", "NEW", None, "x", is_signed=False)
    assert parse(None, b'{"event_type": "NEW", "id": "x"}') == hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        EVENT,
        b'{"event_type": "CHECKOUT_STATUS_CHANGED"}',
        b'{"event_type": "CHECKOUT_STATUS_CHANGED", "id": 7}',
        b'{"event_type": "CHECKOUT_STATUS_CHANGED", "id": ""}',
        b'{"event_type": "CHECKOUT_STATUS_CHANGED", "id": {"$ne": 1}}',
        b'{"event_type": "a\\u0000", "id": "chk-1"}',
    ],
)
def test_what_is_no_callback_needs_a_signature(content: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        parse(None, content)


def test_a_signed_event_is_a_hint_and_nothing_more() -> None:
    assert parse(signed()) == HINT


def test_capital_letters_in_a_signature_do_no_harm() -> None:
    head, mac = signed().split("v1=")
    assert parse(f"{head}v1={mac.upper()}") == HINT


@pytest.mark.parametrize("seconds", [-300, -1, 1, 300])
def test_a_recent_event_is_taken(seconds: int) -> None:
    assert parse(signed(at=NOW + timedelta(seconds=seconds))) == HINT


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_event_that_is_old_or_from_the_future_is_refused(seconds: int) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signed(at=NOW + timedelta(seconds=seconds)))


GOOD = signed()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=,v1=",
        "v1=" + GOOD.partition("v1=")[2],
        GOOD.partition(",")[0],
        GOOD.replace("t=", "t= "),
        GOOD.replace("t=1", "t=2"),
        GOOD.replace(",", ";"),
        GOOD + "\n",
        GOOD + ",v1=" + "0" * 64,
        GOOD[:-1],
        GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "t=١٢٣,v1=" + "0" * 64,
        signed(secret="whsec_of-another-account"),
        signed(b"another body"),
    ],
    ids=range(15),
)
def test_an_event_that_is_not_signed_rightly_is_refused(signature: str) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signature)


def test_an_event_of_an_account_without_a_secret_is_refused() -> None:
    for secrets in ({}, {"event_secret": ""}):
        access = Access("MC1", is_live=False, base_url="", secrets=secrets)
        with pytest.raises(UnauthenticNoticeError):
            parse(signed(secret=""), access=access)


def test_a_callback_with_a_false_signature_is_refused_too() -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(GOOD, CALLBACK)


def test_a_body_changed_by_one_byte_is_refused() -> None:
    for place in range(len(EVENT)):
        changed = EVENT[:place] + bytes([EVENT[place] ^ 1]) + EVENT[place + 1 :]
        with pytest.raises(UnauthenticNoticeError):
            parse(GOOD, changed)
    with pytest.raises(UnauthenticNoticeError):
        parse(GOOD, EVENT + b" ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        CALLBACK,
        b'{"id": "e", "type": "t"}',
        b'{"id": "e", "type": "t", "object": "chk-1"}',
        b'{"id": "e", "type": "t", "object": {"type": "checkout"}}',
        b'{"id": "e", "type": "t", "object": {"type": "checkout", "id": 1}}',
        b'{"id": 1, "type": "t", "object": {"type": "checkout", "id": "c"}}',
    ],
)
def test_a_signed_event_that_makes_no_sense_says_so(content: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        parse(signed(content), content)


def test_an_event_about_something_else_points_to_nothing() -> None:
    body = b'{"id": "e", "type": "readers.updated", "object": {"id": "r", "type": "reader"}}'
    assert parse(signed(body), body) == Hint("e", "readers.updated", None, None)


@pytest.mark.parametrize("seconds", [-400, -200, 0, 200, 400])
@pytest.mark.parametrize("secret", [SECRET, "another"])
def test_sumups_own_library_judges_as_we_do(seconds: int, secret: str) -> None:
    header = signed(at=datetime.fromtimestamp(time.time() + seconds, UTC), secret=secret)
    try:
        official.verify_event_signature(SECRET, EVENT, header)
        is_theirs = True
    except official.EventSignatureError:
        is_theirs = False
    try:
        headers = {"x-sumup-webhook-signature": header}
        is_ours = sumup.parse_notice(ACCESS, headers, EVENT, clock.now()) == HINT
    except UnauthenticNoticeError:
        is_ours = False
    assert is_ours is is_theirs is (abs(seconds) < 300 and secret == SECRET)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def hint_of(shop: Shop, receiver: Receiver, place: int, secrets: dict[str, str]) -> Hint:
    """Return what the adapter makes of a notice that came over the wire."""
    received = receiver.received[place]
    access = Access(shop.access.account, is_live=False, base_url="", secrets=secrets)
    return sumup.parse_notice(access, received.headers, received.body, clock.now())


def test_each_change_is_told_and_read(receiver: Receiver) -> None:
    with sumup_shop(FakeSumUp(), receiver.url) as shop:
        made, handle = shop.checkout()
        press(made.url, "decline")
        receiver.wait_for(1)
        press(made.url, "pay")
        receiver.wait_for(2)
        hints = [hint_of(shop, receiver, place, {}) for place in range(2)]
        # The same words both times: what is new, only a read can tell.
        assert hints[0] == hints[1]
        assert hints[0].checkout_id == made.checkout_id
        assert shop.found(handle).state is ProviderState.PAID


def test_a_signed_event_of_the_fake_is_authentic(receiver: Receiver) -> None:
    fake = FakeSumUp(event_secret=SECRET, events_url=receiver.url)
    with sumup_shop(fake) as shop:
        made, _ = shop.checkout()
        receiver.wait_for(1)
        hint = hint_of(shop, receiver, 0, {"event_secret": SECRET})
        assert (hint.kind, hint.checkout_id) == ("checkouts.created", made.checkout_id)


def test_notices_get_lost_doubled_and_out_of_order(receiver: Receiver) -> None:
    fake = FakeSumUp()
    with sumup_shop(fake, receiver.url) as shop:
        first, second, third = (shop.checkout()[0].checkout_id for _ in range(3))
        fake.courier.next("drop")
        fake.pay(first)
        fake.courier.next("after_next")
        fake.pay(second)
        fake.courier.next("twice")
        fake.pay(third)
        fake.courier.wait()
        told = sorted(notice.content["id"] for notice in receiver.received)
        assert told == sorted([second, third, third])


def test_a_notice_that_is_not_taken_comes_again(receiver: Receiver) -> None:
    receiver.next_statuses = [404, 503]
    fake = FakeSumUp()
    with sumup_shop(fake, receiver.url) as shop:
        fake.pay(shop.checkout()[0].checkout_id)
        receiver.wait_for(3)
        fake.courier.wait()
        assert fake.courier.statuses == [404, 503, 200]
