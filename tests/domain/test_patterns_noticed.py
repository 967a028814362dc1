"""Where suspicious patterns are noticed: at the one door, at "Pay", and where notices arrive."""

import pytest

from tests.conftest import Configure
from tests.domain.test_notices import Sender, written
from tests.factories import Factories, everything, observed
from webapp.domain.messages import patterns
from webapp.domain.payments import creations, settlement
from webapp.models import Alert, PaymentAttempt
from webapp.providers.base import ProviderState, Refused, UnauthenticNoticeError

BUYER = "192.0.2.1"


@pytest.fixture(autouse=True)
def _one_is_enough(configure: Configure) -> None:
    configure(pattern_failed_attempts=1, pattern_refused_notices=1)


def kinds() -> list[str]:
    return [alert.kind for alert in everything(Alert)]


def begun(make: Factories) -> PaymentAttempt:
    """Begin an attempt from the buyer's address."""
    attempt = make.created()
    patterns.remember_origin(attempt.reference, BUYER)
    return attempt


@pytest.mark.parametrize("state", [ProviderState.ATTEMPT_FAILED, ProviderState.FAILED])
def test_a_declined_attempt_is_counted_once(make: Factories, state: ProviderState) -> None:
    attempt = begun(make)
    for said in (state, ProviderState.FAILED):
        settlement.apply(attempt.reference, observed(attempt, said), actor="test")
    assert [(alert.kind, alert.times) for alert in everything(Alert)] == [
        ("pattern_failed_attempts", 1)
    ]


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Refused("this card is not taken"), ["pattern_failed_attempts"]),
        (Refused("the key was revoked", is_unauthorised=True), []),
    ],
)
def test_a_refused_attempt_is_counted_where_it_is_the_buyers_doing(
    make: Factories, refusal: Refused, told: list[str]
) -> None:
    attempt = begun(make)
    creations.record(attempt.reference, refusal, actor="test")
    assert kinds() == told


@pytest.mark.parametrize(
    "state", [ProviderState.OPEN, ProviderState.PROCESSING, ProviderState.CLOSED]
)
def test_an_attempt_that_did_not_fail_is_not_counted(make: Factories, state: ProviderState) -> None:
    attempt = begun(make)
    settlement.apply(attempt.reference, observed(attempt, state), actor="test")
    assert kinds() == []


def test_a_notice_that_was_not_signed_is_counted(make: Factories) -> None:
    sender = Sender(make.pending().provider_account)
    body = written("att-1", "chk-1")
    with pytest.raises(UnauthenticNoticeError):
        sender.send(body, sender.headers(body, secret="wrong" * 10))
    assert kinds() == ["pattern_refused_notices"]


def test_a_signed_notice_of_a_checkout_we_never_made_is_told_and_one_of_ours_is_not(
    make: Factories,
) -> None:
    attempt = make.pending()
    sender = Sender(attempt.provider_account)
    sender.tell(attempt)
    assert kinds() == []
    sender.send(written("att-unknown", "chk-unknown"))
    (alert,) = everything(Alert)
    assert alert.kind == "pattern_unknown_checkout"
    assert "checkout.updated of att-unknown" in alert.body
