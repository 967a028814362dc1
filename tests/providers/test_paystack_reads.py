"""The Paystack adapter reads: what every answer means, and what means nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.answers import NO_OBJECTS, answer
from tests.providers.paystack_answers import PAID, envelope, refusal, verified
from webapp.core.money import EXPONENTS, Money
from webapp.providers import paystack, paystack_wire
from webapp.providers.base import (
    Adapter,
    Created,
    Found,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Read,
    Unreadable,
)
from webapp.providers.parsing import NotUnderstoodError

ADAPTER: Adapter = paystack
AT = datetime(2026, 11, 20, 10, 0, 0, 250_000, UTC)
PAYMENT = Payment("4099260516", Money(30_050, "NGN"), AT)


def seen(content: object) -> Observation:
    """Read an answer that has to be understood."""
    read = ADAPTER.parse_read(answer(200, content))
    assert isinstance(read, Found), read
    return read.observation


def test_a_paid_transaction_is_understood() -> None:
    assert seen(verified()) == Observation(
        account=None,  # Paystack does not say
        checkout_id="att-1",
        reference="att-1",
        is_live=False,
        state=ProviderState.PAID,
        raw_state="success",
        payments=(PAYMENT,),
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("abandoned", ProviderState.OPEN),
        ("ongoing", ProviderState.PROCESSING),
        ("pending", ProviderState.PROCESSING),
        ("processing", ProviderState.PROCESSING),
        ("queued", ProviderState.PROCESSING),
        ("failed", ProviderState.ATTEMPT_FAILED),
    ],
)
def test_each_status_without_money_has_its_word_here(status: str, state: ProviderState) -> None:
    told = seen(verified(status=status, paid_at=None, paidAt=None))
    assert (told.state, told.raw_state, told.payments) == (state, status, ())


def test_a_reversal_is_money_that_came_and_went() -> None:
    told = seen(verified(status="reversed"))
    assert (told.state, told.payments) == (ProviderState.REVERSED, (PAYMENT,))


@pytest.mark.parametrize(("mode", "is_live"), [("live", True), ("test", False)])
def test_the_domain_is_the_mode(mode: str, is_live: bool) -> None:
    assert seen(verified(domain=mode)).is_live is is_live


@pytest.mark.parametrize(
    ("fields", "minor"),
    [
        ({}, 30_050),  # the buyer bears the fee
        ({"amount": 30_050}, 30_050),
        ({"requested_amount": None}, 40_333),
        ({"amount": 30_049}, 30_049),  # less than was asked for is less
        ({"amount": 0}, 0),
        ({"amount": "40333", "requested_amount": "30050"}, 30_050),
    ],
)
def test_what_pays_is_the_wish_unless_less_was_charged(
    fields: dict[str, object], minor: int
) -> None:
    assert [one.money for one in seen(verified(**fields)).payments] == [Money(minor, "NGN")]


def test_an_older_answer_without_a_requested_amount_is_understood() -> None:
    old = {key: value for key, value in PAID.items() if key != "requested_amount"}
    assert seen(envelope(old)).payments[0].money == Money(40_333, "NGN")


def test_a_currency_without_hundredths_is_translated_exactly() -> None:
    told = seen(verified(currency="XOF", amount=250_000, requested_amount=250_000))
    assert told.payments[0].money == Money(2500, "XOF")


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "blue"},
        {"metadata": None},
        {"metadata": 0},
        {"metadata": {"reference": "another"}},
        {"metadata": "x"},
        {"gateway_response": 7},
        {"paid_at": None},
        {"paid_at": None, "paidAt": None},
        {"id": "4099260516"},
    ],
)
def test_fields_that_do_not_matter_may_come_and_go(fields: dict[str, object]) -> None:
    told = seen(verified(**fields))
    assert (told.reference, told.payments[0].reference) == ("att-1", "4099260516")


def test_a_64_bit_id_stays_whole() -> None:
    told = seen(verified(id=2**64 - 1))
    assert told.payments[0].reference == "18446744073709551615"


def test_only_a_failure_has_a_reason() -> None:
    words = {"gateway_response": "Declined\nby sk_test_1"}
    assert seen(verified(status="failed", **words)).reason == "Declined by …"
    assert seen(verified(status="abandoned", **words)).reason is None
    empty = seen(verified(status="failed", gateway_response="", message="No funds"))
    assert empty.reason == "No funds"


@pytest.mark.parametrize(
    "content",
    [
        verified(amount=30_050.0),
        verified(amount=30_050.5),
        verified(amount="300.50"),
        verified(amount="-1"),
        verified(amount=""),
        verified(amount="٣٠"),
        verified(amount=True),
        verified(amount=None),
        verified(amount=-1),
        verified(amount=10**30),
        verified(amount="9" * 5000),
        verified(requested_amount=30_050.0),
        verified(requested_amount=""),
        verified(requested_amount=False),
        verified(currency="XXX"),
        verified(currency="ngn"),
        verified(currency=None),
        verified(currency=["NGN"]),
        verified(currency="XOF", amount=250_050),
        verified(currency="XOF", amount=250_000, requested_amount=250_001),
        verified(id=None),
        verified(id=0),
        verified(id=-1),
        verified(id=2**64),
        verified(id=1.0),
        verified(id=True),
        verified(id="T1"),
        verified(domain="staging"),
        verified(domain=None),
        verified(status="SUCCESS"),
        verified(status="refunded"),
        verified(status=True),
        verified(status=None),
        verified(reference=None),
        verified(reference="a\x00b"),
        verified(reference="x" * 129),
        verified(paid_at="yesterday"),
        verified(paid_at="2026-11-20T10:00:00"),
        verified(paid_at=1_790_000_000),
        verified(status="abandoned", amount=None),
        {**verified(), "status": "success"},
        {**verified(), "status": 1},
        {**verified(), "status": False},
        envelope([PAID]),
        envelope(None),
        envelope({}),
        PAID,
        *NO_OBJECTS,
        b'{"status": tr',
    ],
)
def test_what_is_not_understood_is_unreadable_and_never_unpaid(content: object) -> None:
    assert isinstance(ADAPTER.parse_read(answer(200, content)), Unreadable)


def test_an_unknown_status_is_named() -> None:
    read = ADAPTER.parse_read(answer(200, verified(status="on hold")))
    assert read == Unreadable("unsupported status 'on hold'")


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    "content",
    [
        refusal("Transaction reference not found"),
        refusal("Transaction reference not found."),
        refusal(" transaction reference NOT found "),
        refusal("Transaction not found"),
        refusal("Entity not found"),
        refusal("whatever", "transaction_not_found"),
    ],
)
def test_an_unknown_reference_is_told_by_words_and_not_by_numbers(
    status: int, content: object
) -> None:
    assert ADAPTER.parse_read(answer(status, content)) == Missing()


@pytest.mark.parametrize(
    ("status", "content", "headers", "expected"),
    [
        (404, refusal("Route not found"), {}, Unreadable("Route not found")),
        (400, refusal("Transaction reference not found here"), {}, ...),
        (404, {"status": False}, {}, Unreadable("status 404")),
        (404, envelope({}, message="Transaction reference not found"), {}, ...),
        (404, {"message": "Transaction reference not found"}, {}, ...),
        (404, b"<html>", {}, Unreadable("status 404, the body is no JSON object")),
        (400, verified(), {}, ...),
        (404, verified(), {}, ...),
        (
            403,
            refusal("Transaction reference not found"),
            {},
            Unreadable("not authorised", is_unauthorised=True),
        ),
        (401, refusal("Invalid key"), {}, Unreadable("not authorised", is_unauthorised=True)),
        (408, {}, {}, Unreadable("status 408")),
        (429, {}, {"retry-after": "30"}, Unreadable("status 429", 30)),
        (500, verified(), {}, Unreadable("status 500")),
        (503, refusal("Transaction reference not found"), {}, Unreadable("status 503")),
        (503, {}, {"retry-after": "0"}, Unreadable("status 503", 0)),
        (201, verified(), {}, Unreadable("status 201")),
        (204, b"", {}, Unreadable("status 204")),
        (302, verified(), {}, Unreadable("status 302")),
    ],
)
def test_only_a_clear_answer_is_taken(
    status: int, content: object, headers: dict[str, str], expected: Read
) -> None:
    read = ADAPTER.parse_read(answer(status, content, headers))
    assert isinstance(read, Unreadable)
    assert expected in (..., read)


@given(
    minor=st.integers(0, 99_999_999_99),
    currency=st.sampled_from(sorted(ADAPTER.CAPABILITIES.currencies)),
)
def test_money_survives_the_way_there_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    sent = paystack_wire.hundredths(money)
    assert paystack_wire.money(sent, currency) == money
    assert paystack_wire.money(str(sent), currency) == money


@given(
    amount=st.integers() | st.floats() | st.text(max_size=6) | st.none(),
    currency=st.sampled_from(sorted(EXPONENTS)) | st.text(max_size=4),
)
def test_an_amount_is_understood_exactly_or_not_at_all(amount: object, currency: str) -> None:
    try:
        money = paystack_wire.money(amount, currency)
    except NotUnderstoodError:
        return
    assert isinstance(amount, int | str)
    assert paystack_wire.hundredths(money) == int(amount)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(PAID)), value=JUNK, status=st.integers(100, 599))
def test_junk_in_one_place_never_raises(key: str, value: object, status: int) -> None:
    for content in (verified(**{key: value}), {**verified(), "status": value}, envelope([value])):
        said = answer(status, content)
        read = ADAPTER.parse_read(said)
        assert status == 200 or not isinstance(read, Found)
        ADAPTER.parse_create(said)
        paystack.parse_refund(said)
        paystack.parse_read_refunds(said)


@given(body=st.binary(max_size=200), status=st.integers(100, 599))
def test_noise_never_raises_and_is_never_found(body: bytes, status: int) -> None:
    said = answer(status, body)
    assert not isinstance(ADAPTER.parse_read(said), Found)
    assert not isinstance(ADAPTER.parse_create(said), Created)
    paystack.parse_refund(said)
    paystack.parse_read_refunds(said)
