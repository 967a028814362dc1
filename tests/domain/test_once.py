"""Law 7: what must happen once is kept by the database itself, whoever forgets to ask before."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories import Factories, everything, paid
from webapp.core.states import CaptureState
from webapp.domain.payments import settlement
from webapp.domain.tickets import tickets
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt, PaymentLink, Ticket


@pytest.fixture
def attempt(make: Factories) -> PaymentAttempt:
    """An attempt that was paid."""
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt


def write(attempt: PaymentAttempt, payment_reference: str, state: CaptureState) -> None:
    """Write a capture past all rules, as code would that knows none of them."""
    with transaction():
        db.session.add(
            Capture(
                link_id=attempt.link_id,
                attempt_id=attempt.id,
                provider_account_id=attempt.provider_account_id,
                payment_reference=payment_reference,
                amount_minor=attempt.amount_minor,
                currency=attempt.currency,
                state=state,
            )
        )


def issue_again(attempt: PaymentAttempt) -> None:
    with transaction():
        tickets.issue(lock(PaymentLink, PaymentLink.id == attempt.link_id))


def refused(change: Callable[[], None]) -> bool:
    with pytest.raises(IntegrityError):
        change()
    return True


def test_the_same_money_cannot_be_written_down_twice(attempt: PaymentAttempt) -> None:
    (capture,) = everything(Capture)
    assert refused(lambda: write(attempt, capture.payment_reference, CaptureState.SURPLUS))
    assert len(everything(Capture)) == 1


def test_two_payments_cannot_both_fulfil_a_link(attempt: PaymentAttempt) -> None:
    assert refused(lambda: write(attempt, "another", CaptureState.FULFILS))
    assert len(everything(Capture)) == 1


def test_a_link_cannot_have_its_tickets_twice(attempt: PaymentAttempt) -> None:
    assert refused(lambda: issue_again(attempt))
    assert len(everything(Ticket)) == 2
