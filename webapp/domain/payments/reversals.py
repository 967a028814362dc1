"""Reversals: money that went back at the provider, and that nobody here asked for."""

from collections.abc import Collection

from sqlalchemy import func, or_, select, update

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


def note_bounced(attempt: PaymentAttempt, failed: Collection[str], *, actor: str) -> None:
    """Ask a person about refunds that were done, and that the provider could not deliver.

    The money is with the merchant again, and the buyer waits for it. The refund stays as it is: it
    cannot be sent a second time from here. The caller holds the link's lock.

    Args:
        attempt: whose money it was.
        failed: the names of refunds, ours or theirs, that have failed in the provider's books.
        actor: who noticed.
    """
    query = (
        select(Refund)
        .join(Capture, Capture.id == Refund.capture_id)
        .where(
            Capture.attempt_id == attempt.id,
            Refund.state == RefundState.DONE,
            or_(Refund.reference.in_(failed), Refund.provider_reference.in_(failed)),
        )
        .order_by(Refund.id)
    )
    for refund in db.session.scalars(query).all():
        attention.raise_item(
            attempt.link,
            "refund_failed",
            f"{refund.money} was sent back, and the provider says now that it did not arrive: the"
            " money is in your account there. Send it to the buyer in another way.",
            actor=actor,
            subject=refund.reference,
            sight="failed after it was done",
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
