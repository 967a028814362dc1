"""Stripe's events: believed only when signed, whole and recent, and by its own library too."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import stripe as official
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.shops import Shop, stripe_shop
from tests.fakes.stripe import FakeStripe
from tests.providers.stripe_answers import PAID
from tests.sandbox.merchant import press
from tests.sandbox.process import eventually
from tests.sandbox.receiver import Received, Receiver
from webapp.core import clock
from webapp.providers import stripe
from webapp.providers.base import Access, Hint, MalformedNoticeError, UnauthenticNoticeError

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECRET = "whsec_of-this-account"
ACCESS = Access("acct_1", is_live=False, base_url="", secrets={"notice_secret": SECRET})
EVENT = {
    "id": "evt_1",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1_795_168_800,
    "data": {"object": {**PAID, "payment_intent": "pi_1"}},
    "livemode": False,
    "type": "checkout.session.completed",
}
BODY = json.dumps(EVENT, indent=2).encode()
HINT = Hint("evt_1", "checkout.session.completed", "att-1", "cs_test_1")


def mac_of(body: bytes, moment: str, secret: str = SECRET) -> str:
    """Sign as Stripe's documentation says."""
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(body: bytes = BODY, *, at: datetime = NOW, secret: str = SECRET) -> str:
    """Write the header of an event."""
    moment = str(int(at.timestamp()))
    return f"t={moment},v1={mac_of(body, moment, secret)}"


def parse(signature: str | None, body: bytes = BODY, access: Access = ACCESS) -> Hint:
    """Hand an event to the adapter as it arrives now."""
    headers = {} if signature is None else {"stripe-signature": signature}
    return stripe.parse_notice(access, headers, body, NOW)


def test_a_signed_event_is_a_hint_and_nothing_more() -> None:
    assert parse(signed()) == HINT


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1), st.integers(-300, 300))
def test_what_stripes_own_library_signs_is_taken(said: str, seconds: int) -> None:
    body = json.dumps({**EVENT, "said": said}, ensure_ascii=False)
    moment = int(NOW.timestamp()) + seconds
    header = official.WebhookSignature.generate_signature_header(body, SECRET, moment)
    assert parse(header, body.encode()) == HINT


def test_what_we_take_stripes_own_library_takes_too() -> None:
    header = signed()
    assert parse(header) == HINT
    verify = official.WebhookSignature.verify_header
    assert verify(BODY, header, SECRET)
    for other in (signed(secret="whsec_other"), signed(b"another body"), f"v0={'0' * 64}"):
        with pytest.raises(official.SignatureVerificationError):
            verify(BODY, other, SECRET)
        with pytest.raises(UnauthenticNoticeError):
            parse(other)


@pytest.mark.parametrize("seconds", [-300, -1, 1, 300])
def test_a_recent_event_is_taken(seconds: int) -> None:
    assert parse(signed(at=NOW + timedelta(seconds=seconds))) == HINT


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_event_that_is_old_or_from_the_future_is_refused(seconds: int) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signed(at=NOW + timedelta(seconds=seconds)))


GOOD = signed()
MOMENT, MAC = GOOD[2:].split(",v1=")
WRONG = "0" * 64


@pytest.mark.parametrize(
    "signature",
    [
        f"t={MOMENT},v1={WRONG},v1={MAC}",
        f"t={MOMENT},v1={MAC},v1={WRONG}",
        f"t={MOMENT},v1=short,v1={MAC},v0={WRONG}",
        f"v0={WRONG},v1={MAC},t={MOMENT}",
        f"t={MOMENT},v2=of-the-future,v1={MAC}",
    ],
)
def test_one_right_signature_among_several_is_enough(signature: str) -> None:
    assert parse(signature) == HINT


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "t=,v1=",
        f"v1={MAC}",
        f"t={MOMENT}",
        f"t={MOMENT},v0={MAC}",
        f"t={MOMENT},v1={WRONG},v0={MAC}",
        f"t={MOMENT},v1={MAC.upper()}",
        f"t={MOMENT},v1={MAC}\n",
        f"t={MOMENT},v1={MAC[:-1]}",
        f"t={MOMENT};v1={MAC}",
        f"t= {MOMENT},v1={MAC}",
        f"t=+{MOMENT},v1={MAC}",
        f"t=0{MOMENT},v1={MAC}",
        f"t={MOMENT},t={MOMENT},v1={MAC}",
        f"t={int(MOMENT) + 1},v1={MAC}",
        f"t={'9' * 5000},v1={MAC}",
        f"t=١٢٣,v1={MAC}",
        signed(secret="whsec_of-another-account"),
        signed(b"another body"),
    ],
    ids=range(20),
)
def test_an_event_that_is_not_signed_rightly_is_refused(signature: str | None) -> None:
    with pytest.raises(UnauthenticNoticeError):
        parse(signature)


@pytest.mark.parametrize("secrets", [{}, {"notice_secret": ""}])
def test_without_a_secret_nothing_is_believed(secrets: dict[str, str]) -> None:
    access = Access("acct_1", is_live=False, base_url="", secrets=secrets)
    with pytest.raises(UnauthenticNoticeError):
        parse(signed(secret=""), access=access)


def test_a_body_changed_by_one_byte_is_refused() -> None:
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        with pytest.raises(UnauthenticNoticeError):
            parse(GOOD, changed)
    with pytest.raises(UnauthenticNoticeError):
        parse(GOOD, BODY + b" ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"id": "evt_1", "object": "event", "type": "x"}',
        b'{"id": "evt_1", "object": "event", "type": "x", "data": []}',
        b'{"id": "evt_1", "object": "event", "type": "x", "data": {"object": "cs_1"}}',
        b'{"id": 7, "object": "event", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "object": "event", "type": "a\\u0000", "data": {"object": {}}}',
        json.dumps({**EVENT, "object": "v2.core.event"}).encode(),
        b'{"id": "evt_1", "object": "v2.core.event", "type": "v1.x", "related_object": {}}',
        json.dumps({**EVENT, "data": {"object": {**PAID, "id": None}}}).encode(),
    ],
)
def test_a_signed_event_that_makes_no_sense_says_so(content: bytes) -> None:
    with pytest.raises(MalformedNoticeError):
        parse(signed(content), content)


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({**PAID, "client_reference_id": None}, (None, "cs_test_1")),
        ({**PAID, "client_reference_id": "x" * 200}, (None, "cs_test_1")),
        ({"object": "charge", "id": "ch_1", "client_reference_id": "att-1"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_an_event_about_something_else_points_to_nothing(
    about: dict[str, object], expected: tuple[str | None, str | None]
) -> None:
    body = json.dumps({**EVENT, "type": "x.y", "data": {"object": about}}).encode()
    assert parse(signed(body), body) == Hint("evt_1", "x.y", *expected)


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def shop(fake: FakeStripe, receiver: Receiver) -> Iterator[Shop]:
    with stripe_shop(fake, receiver.url) as shop:
        yield shop


def hint_of(shop: Shop, received: Received) -> Hint:
    """Read an event that came over the wire, with the account's own secret."""
    return shop.connection.notice(received.headers, received.body, clock.now())


def test_the_fakes_events_come_signed_for_adapter_and_library(
    fake: FakeStripe, shop: Shop, receiver: Receiver
) -> None:
    made, handle = shop.checkout()
    press(made.url, "pay")
    received = receiver.wait_for(1)[0]
    event = official.Webhook.construct_event(
        received.body, received.headers["stripe-signature"], fake.secrets[0]
    )
    assert hint_of(shop, received) == Hint(
        event.id, "checkout.session.completed", handle.reference, made.checkout_id
    )


def test_a_closed_session_is_told(shop: Shop, receiver: Receiver) -> None:
    made, _ = shop.checkout()
    shop.connection.close(made.checkout_id, timeout_s=20)
    assert hint_of(shop, receiver.wait_for(1)[0]).kind == "checkout.session.expired"


def test_money_on_its_way_is_told_twice(fake: FakeStripe, shop: Shop, receiver: Receiver) -> None:
    for end, kind in (
        (fake.settle, "checkout.session.async_payment_succeeded"),
        (fake.fail, "checkout.session.async_payment_failed"),
    ):
        receiver.received.clear()
        made, _ = shop.checkout()
        fake.hold(made.checkout_id)
        receiver.wait_for(1)
        end(made.checkout_id)
        kinds = [hint_of(shop, received).kind for received in receiver.wait_for(2)]
        assert kinds == ["checkout.session.completed", kind]


def test_while_a_secret_is_changed_the_old_one_and_the_new_one_hold(
    fake: FakeStripe, shop: Shop, receiver: Receiver
) -> None:
    fake.secrets = ("whsec_new", *fake.secrets)
    made, _ = shop.checkout()
    fake.pay(made.checkout_id)
    assert hint_of(shop, receiver.wait_for(1)[0]).checkout_id == made.checkout_id


def test_an_event_comes_again_until_it_is_taken_and_keeps_its_name(
    fake: FakeStripe, shop: Shop, receiver: Receiver
) -> None:
    receiver.next_statuses = [500, 503]
    made, _ = shop.checkout()
    fake.pay(made.checkout_id)
    hints = [hint_of(shop, received) for received in receiver.wait_for(3)]
    assert len({hint.dedupe_key for hint in hints}) == 1
    eventually(lambda: fake.courier.statuses == [500, 503, 200])


def test_events_get_lost_doubled_late_or_out_of_order(
    fake: FakeStripe, shop: Shop, receiver: Receiver
) -> None:
    made = [shop.checkout()[0] for _ in range(5)]
    fake.courier.next("drop")
    fake.courier.next("twice")
    fake.courier.next("after_next")
    for one in made[:4]:
        fake.pay(one.checkout_id)
    fake.courier.wait()
    came = [hint_of(shop, received).checkout_id for received in receiver.wait_for(4)]
    assert made[0].checkout_id not in came
    assert came.count(made[1].checkout_id) == 2
    assert came.index(made[3].checkout_id) < came.index(made[2].checkout_id)
    fake.courier.next("late", seconds=0.2)
    fake.pay(made[4].checkout_id)
    assert len(receiver.received) == 4
    assert hint_of(shop, receiver.wait_for(5)[-1]).checkout_id == made[4].checkout_id
