"""The Stripe adapter reads: what every answer means, and what means nothing."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.answers import NO_OBJECTS, answer
from tests.providers.stripe_answers import (
    CHARGE,
    DECLINED,
    INTENT,
    OPEN,
    PAID,
    charge_with,
    error,
    intent_with,
)
from webapp.core.money import Money
from webapp.providers import stripe
from webapp.providers.base import (
    Adapter,
    Found,
    HttpAnswer,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Read,
    Unreadable,
)

ADAPTER: Adapter = stripe
TAKEN = Payment("pi_1", Money(2500, "EUR"), datetime(2026, 11, 20, 11, 0, tzinfo=UTC))


def read(content: object) -> Observation:
    """Read a session that is understood."""
    found = ADAPTER.parse_read(answer(200, content))
    assert isinstance(found, Found), found
    return found.observation


def test_a_paid_session_is_understood() -> None:
    assert read(PAID) == Observation(
        account="acct_1",
        checkout_id="cs_test_1",
        reference="att-1",
        is_live=False,
        state=ProviderState.PAID,
        raw_state="complete/paid",
        payments=(TAKEN,),
        checkout_url=None,
        reason=None,
    )


EXPIRED = {**OPEN, "status": "expired", "url": None}
SETTLING = {**OPEN, "status": "complete", "url": None}
UNDER_WAY = {**INTENT, "status": "processing", "amount_received": 0, "latest_charge": None}
ASKING = {**UNDER_WAY, "status": "requires_action"}


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (OPEN, ProviderState.OPEN),
        ({**OPEN, "payment_intent": "pi_1"}, ProviderState.OPEN),
        ({**OPEN, "payment_intent": ASKING}, ProviderState.OPEN),
        ({**OPEN, "payment_intent": UNDER_WAY}, ProviderState.PROCESSING),
        ({**OPEN, "payment_intent": DECLINED}, ProviderState.ATTEMPT_FAILED),
        (SETTLING, ProviderState.PROCESSING),
        ({**SETTLING, "payment_intent": UNDER_WAY}, ProviderState.PROCESSING),
        ({**SETTLING, "payment_intent": DECLINED}, ProviderState.ATTEMPT_FAILED),
        (EXPIRED, ProviderState.CLOSED),
        ({**EXPIRED, "payment_intent": DECLINED}, ProviderState.CLOSED),
    ],
)
def test_each_status_has_its_word_here(content: dict[str, Any], state: ProviderState) -> None:
    seen = read(content)
    assert (seen.state, seen.payments) == (state, ())
    assert seen.raw_state == f"{content['status']}/unpaid"


@pytest.mark.parametrize("status", ["open", "complete", "expired"])
@pytest.mark.parametrize("stage", ["processing", "requires_capture", "succeeded"])
def test_a_session_is_not_over_while_its_payment_is_ahead_of_it(status: str, stage: str) -> None:
    intent = {**INTENT, "status": stage}
    seen = read({**OPEN, "status": status, "payment_intent": intent})
    assert seen.state is ProviderState.PROCESSING


@pytest.mark.parametrize("status", ["open", "complete", "expired"])
def test_paid_is_paid_whatever_else_is_said(status: str) -> None:
    seen = read({**PAID, "status": status})
    assert (seen.state, seen.payments) == (ProviderState.PAID, (TAKEN,))


def test_why_a_card_was_refused_is_told_in_one_line() -> None:
    said = {**DECLINED, "last_payment_error": {"message": "No\nfunds for sk_live_1"}}
    assert read({**OPEN, "payment_intent": said}).reason == "No funds for …"
    assert read({**OPEN, "payment_intent": {**DECLINED, "last_payment_error": {}}}).reason is None


@pytest.mark.parametrize(
    ("content", "raw_state"),
    [
        (charge_with(amount_refunded=2500, refunded=True), "complete/paid, refunded 2500"),
        (charge_with(amount_refunded=1), "complete/paid, refunded 1"),
        (charge_with(disputed=True), "complete/paid, disputed"),
    ],
)
def test_money_that_went_back_was_taken_all_the_same(
    content: dict[str, Any], raw_state: str
) -> None:
    seen = read(content)
    assert (seen.state, seen.raw_state) == (ProviderState.REVERSED, raw_state)
    assert seen.payments == (TAKEN,)


def test_what_was_taken_counts_and_not_what_was_asked() -> None:
    assert read(intent_with(amount_received=2499)).payments[0].money == Money(2499, "EUR")
    assert read(intent_with(currency="usd")).payments[0].money == Money(2500, "USD")
    assert read({**PAID, "amount_total": 1}).payments == (TAKEN,)


def test_a_payment_that_was_not_told_in_full_is_taken_at_the_sessions_total() -> None:
    untold = Payment("pi_1", Money(2500, "EUR"), None)
    assert read({**PAID, "payment_intent": "pi_1"}).payments == (untold,)
    assert read(intent_with(latest_charge="ch_1")).payments == (untold,)
    assert read(intent_with(latest_charge=None)).payments == (untold,)


@pytest.mark.parametrize(
    "content",
    [
        {**PAID, "colour": "blue"},
        {**PAID, "amount_total": None, "currency": None},
        {**OPEN, "amount_total": None, "currency": None},
        {key: value for key, value in OPEN.items() if key not in {"url", "payment_intent"}},
        intent_with(last_payment_error=7),
        charge_with(disputed=None),
    ],
)
def test_fields_that_do_not_matter_may_come_and_go(content: dict[str, Any]) -> None:
    read(content)


@pytest.mark.parametrize(
    "content",
    [
        intent_with(amount_received=2500.0),
        intent_with(amount_received="2500"),
        intent_with(amount_received=True),
        intent_with(amount_received=None),
        intent_with(amount_received=-1),
        intent_with(amount_received=10**30),
        intent_with(currency="xxx"),
        intent_with(currency="huf"),
        intent_with(currency=None),
        intent_with(currency=["eur"]),
        intent_with(id=None),
        intent_with(id="x" * 129),
        intent_with(latest_charge=7),
        charge_with(created="today"),
        charge_with(created=True),
        charge_with(created=-1),
        charge_with(created=10**20),
        charge_with(amount_refunded="0"),
        charge_with(amount_refunded=None),
        {**PAID, "payment_intent": None},
        {**PAID, "payment_intent": ["pi_1"]},
        {**PAID, "payment_intent": "pi_1", "amount_total": None},
        {**PAID, "payment_intent": "pi_1", "amount_total": 25.0},
        {**EXPIRED, "payment_intent": {**INTENT, "status": "underway"}},
        {**EXPIRED, "payment_intent": {**INTENT, "status": ["succeeded"]}},
        {**PAID, "payment_status": "no_payment_required"},
        {**PAID, "payment_status": "PAID"},
        {**PAID, "payment_status": None},
        {**PAID, "status": None},
        {**PAID, "status": "archived"},
        {**OPEN, "status": ["open"]},
        {**PAID, "livemode": "false"},
        {**PAID, "livemode": None},
        {**PAID, "metadata": {}},
        {**PAID, "metadata": None},
        {**PAID, "metadata": {"account": 7}},
        {**PAID, "client_reference_id": None},
        {**PAID, "id": "a\x00b"},
        {**PAID, "object": "payment_link"},
        {**OPEN, "url": "javascript:alert(1)"},
        {"object": "list", "data": [PAID], "has_more": False},
        *NO_OBJECTS,
        b'{"status": "pa',
    ],
)
def test_what_is_not_understood_is_unreadable_and_never_unpaid(content: object) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Unreadable)


def test_an_unknown_status_is_named() -> None:
    seen = ADAPTER.parse_read(answer(200, {**OPEN, "status": "archived"}))
    assert seen == Unreadable("unsupported status 'archived' with 'unpaid'")


OTHER_MODE = error(
    "No such checkout.session: cs_live_1; a similar object exists in live mode, but a test mode key"
    " was used to make this request.",
    code="resource_missing",
)


@pytest.mark.parametrize(
    ("status", "content", "headers", "expected"),
    [
        (404, error("No such checkout.session", code="resource_missing"), {}, Missing()),
        (404, OTHER_MODE, {}, Unreadable("the key is of the other mode")),
        (404, error("Unrecognized request URL"), {}, Unreadable("status 404")),
        (404, {}, {}, Unreadable("status 404, the body names no error")),
        (404, b"<html>", {}, Unreadable("status 404, the body is no JSON object")),
        (
            401,
            error("Invalid API Key provided: sk_test_1"),
            {},
            Unreadable("not authorised", is_unauthorised=True),
        ),
        (403, b"", {}, Unreadable("not authorised", is_unauthorised=True)),
        (400, error("No such thing", code="resource_missing"), {}, Unreadable("status 400")),
        (409, error(), {}, Unreadable("status 409")),
        (429, error(), {"retry-after": "30"}, Unreadable("status 429", 30)),
        (500, PAID, {}, Unreadable("status 500")),
        (503, b"", {"retry-after": "0"}, Unreadable("status 503", 0)),
        (204, b"", {}, Unreadable("status 204")),
        (302, PAID, {}, Unreadable("status 302")),
        (201, PAID, {}, Unreadable("status 201")),
    ],
)
def test_only_a_clear_answer_is_taken(
    status: int, content: object, headers: dict[str, str], expected: Read
) -> None:
    assert ADAPTER.parse_read(answer(status, content, headers)) == expected


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["paid", "unpaid", "open", "complete", "expired", "succeeded", "eur", "jpy"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PLACES = (
    [("session", key) for key in PAID]
    + [("intent", key) for key in INTENT]
    + [("charge", key) for key in CHARGE]
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
def test_no_nonsense_in_any_place_makes_it_raise_or_invent_money(
    changes: list[tuple[tuple[str, str], Any]],
) -> None:
    session = copy.deepcopy(PAID)
    intent = session["payment_intent"]
    parts = {"session": session, "intent": intent, "charge": intent["latest_charge"]}
    for (part, key), value in changes:
        parts[part][key] = value
    seen = ADAPTER.parse_read(answer(200, session))
    assert isinstance(seen, Found | Unreadable)
    if isinstance(seen, Found):
        took = {ProviderState.PAID, ProviderState.REVERSED}
        assert bool(seen.observation.payments) is (seen.observation.state in took)
        amounts = [session.get("amount_total"), intent.get("amount_received")]
        assert all(payment.money.minor in amounts for payment in seen.observation.payments)


@given(st.integers(100, 599), JSON.map(lambda said: json.dumps(said).encode()) | st.binary())
def test_no_answer_makes_it_raise(status: int, body: bytes) -> None:
    said = HttpAnswer(status, {}, body)
    assert isinstance(ADAPTER.parse_read(said), Missing | Unreadable)
    ADAPTER.parse_create(said)
    ADAPTER.parse_close(said)
    stripe.parse_refund(said)
    stripe.parse_read_refunds(said)
