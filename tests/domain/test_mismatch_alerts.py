"""What the operator and the merchant read when money or an answer is not what we asked for."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import Factories, everything, observed, paid
from webapp.core.money import Money
from webapp.domain.messages import mismatches
from webapp.domain.payments import attempts, reviews, settlement
from webapp.domain.transaction import transaction
from webapp.extensions import settings
from webapp.models import Alert, PaymentAttempt
from webapp.providers.base import Observation, Payment, ProviderState

ORDER: dict[str, Any] = {"buyer_email": "ada@example.org", "buyer_name": "Ada Lovelace"}


def tell(attempt: PaymentAttempt, observation: Observation) -> Alert:
    """Tell of an answer that is not ours, as the settlement does."""
    with transaction():
        mismatches.tell_foreign(attempts.lock_with_link(attempt.reference), observation)
    return everything(Alert)[-1]


def test_another_amount_is_told_word_for_word(make: Factories) -> None:
    attempt = make.pending(**ORDER)
    settlement.apply(attempt.reference, paid(attempt, money=Money(2499, "EUR")), actor="test")
    (alert,) = everything(Alert)
    order = attempt.link.reference
    assert (alert.severity, alert.kind, alert.merchant_id) == (
        "critical",
        "amount_mismatch",
        make.shop.id,
    )
    assert alert.headline == f"Amount Mismatch - Order {order}"
    assert alert.body == (
        "CRITICAL PAYMENT ISSUE\n"
        f"Order: {order}\n"
        f"Expected: {Money(2500, 'EUR')}\n"
        f"Received: {Money(2499, 'EUR')}\n"
        "Customer: ada@example.org\n"
        "Customer's name: Ada Lovelace\n"
        "This order requires IMMEDIATE manual review.\n"
        "Do NOT issue tickets until verified.\n"
        f"{settings.base_url}/desk/links/{order}\n"
    )


def test_two_payments_on_one_checkout_are_both_told(make: Factories) -> None:
    attempt = make.pending()
    both = (Payment("one", attempt.money, None), Payment("two", attempt.money, None))
    said = observed(attempt, ProviderState.PAID, *both)
    settlement.apply(attempt.reference, said, actor="test")
    (alert,) = everything(Alert)
    assert f"Received: {attempt.money} and {attempt.money}\n" in alert.body


def test_a_customer_whom_only_the_sitting_knows_is_told_too(make: Factories) -> None:
    attempt = make.pending(buyer_email=None)
    make.change(attempt.session, buyer_email="eve@example.org")
    settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    (alert,) = everything(Alert)
    assert "Customer: eve@example.org\nCustomer's name: unknown\n" in alert.body


def test_an_alert_is_over_when_somebody_has_decided(make: Factories) -> None:
    accepted, dismissed, waiting = (make.pending() for _ in range(3))
    for attempt in (accepted, dismissed, waiting):
        settlement.apply(attempt.reference, paid(attempt, money=Money(1, "EUR")), actor="test")
    settlement.apply(
        accepted.reference, replace(paid(accepted), account="sbx-of-somebody"), actor="test"
    )
    reviews.accept(make.shop, accepted.link.reference, actor="test")
    reviews.dismiss(make.shop, dismissed.link.reference, reason="not ours", actor="test")
    is_open = {alert.subject: alert.ended_at is None for alert in everything(Alert)}
    assert is_open == {
        accepted.link.reference: False,
        accepted.reference: False,
        dismissed.link.reference: False,
        waiting.link.reference: True,
        make.shop.slug: True,
    }


@pytest.mark.parametrize(
    ("differing", "what", "expected", "received"),
    [
        ({"account": "sbx-of-somebody"}, "Account", "{account}", "sbx-of-somebody"),
        ({"reference": "att-of-somebody"}, "Reference", "{reference}", "att-of-somebody"),
        ({"checkout_id": "chk-of-somebody"}, "Checkout", "{checkout}", "chk-of-somebody"),
        ({"is_live": True}, "Mode", "test mode", "live mode"),
        (
            {"account": "sbx-of-somebody", "is_live": True},
            "Account and Mode",
            "{account}, test mode",
            "sbx-of-somebody, live mode",
        ),
        (
            {"account": None, "checkout_id": "", "reference": "att-of-somebody"},
            "Reference",
            "{reference}",
            "att-of-somebody",
        ),
    ],
)
def test_an_answer_that_is_not_about_us_is_told_in_the_same_manner(
    make: Factories, differing: dict[str, Any], what: str, expected: str, received: str
) -> None:
    attempt = make.pending(**ORDER)
    alert = tell(attempt, replace(paid(attempt), **differing))
    order = attempt.link.reference
    ours = expected.format(
        account=attempt.provider_account.external_account,
        reference=attempt.reference,
        checkout=attempt.checkout_id,
    )
    assert (alert.severity, alert.kind, alert.subject) == (
        "critical",
        "foreign_answer",
        attempt.reference,
    )
    assert alert.headline == f"{what} Mismatch - Order {order}"
    assert alert.body == (
        "CRITICAL PAYMENT ISSUE\n"
        f"Order: {order}\n"
        f"Expected: {ours}\n"
        f"Received: {received}\n"
        "The provider says paid. No money was booked.\n"
        "Customer: ada@example.org\n"
        "Customer's name: Ada Lovelace\n"
        "This order requires IMMEDIATE manual review.\n"
        "Do NOT issue tickets until verified.\n"
        f"{settings.base_url}/desk/links/{order}\n"
    )
