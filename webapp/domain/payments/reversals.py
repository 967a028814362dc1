"""Reversals: money that went back at the provider, and that nobody here asked for."""

from sqlalchemy import func, select, update

from webapp.core.money import Money
from webapp.core.states import RefundState
from webapp.domain.messages import attention
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt, Refund


def weigh(attempt: PaymentAttempt, payment_reference: str, total: Money, *, actor: str) -> bool:
    """Ask a person about what went back of a payment beyond our own refunds of it.

    The caller holds the link's lock. The capture stays as it is, and so do the tickets.

    Args:
        attempt: whose checkout took the payment.
        payment_reference: the provider's name for the payment.
        total: all that went back of it, ours included.
        actor: who noticed.

    Returns:
        Whether this was news.
    """
    unexplained = total.minor - _ours(attempt, payment_reference)
    if unexplained <= 0:
        return False
    return attention.raise_item(
        attempt.link,
        "reversed",
        f"{Money(unexplained, total.currency)} went back at the provider, and nobody asked for"
        " that here.",
        actor=actor,
        subject=attempt.reference,
        sight=f"{payment_reference}: {total.minor} went back",
    )


def look_soon(attempt_id: int) -> bool:
    """Let the money of an attempt be looked after now, in this transaction; say whether it has."""
    looked_after = db.session.scalars(
        update(Capture)
        .where(Capture.attempt_id == attempt_id)
        .values(next_look_at=func.now())
        .returning(Capture.id)
        .execution_options(synchronize_session=False)
    )
    return looked_after.first() is not None


def _ours(attempt: PaymentAttempt, payment_reference: str) -> int:
    """Return how much of a payment we have sent back, or may have."""
    query = (
        select(func.coalesce(func.sum(Refund.amount_minor), 0))
        .join(Capture, Capture.id == Refund.capture_id)
        .where(
            Capture.provider_account_id == attempt.provider_account_id,
            Capture.payment_reference == payment_reference,
            Refund.state != RefundState.FAILED,
            Refund.asked_at.is_not(None),
        )
    )
    return int(db.session.scalars(query).one())
