"""What becomes of a refund, of its capture and of its link, once the provider has said something.

The caller holds the locks that `lock_with_link` takes.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from webapp.core import clock
from webapp.core.states import CaptureState, LinkState, RefundState
from webapp.domain.messages import alerts, attention
from webapp.domain.tickets import capacity
from webapp.domain.transaction import database_now, lock
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import Capture, PaymentLink, Refund

ACTOR: Final = "sweep:refunds"

# Readable answers in a row without the refund, until it counts as never made.
_READS_UNTIL_NEVER_MADE: Final = 4

# A provider that cannot be read, or takes its time, is asked at least this often.
_LONGEST_WAIT_S: Final = 3600


def lock_with_link(refund_id: int) -> Refund:
    """Return a refund as it is now, locked behind its link and its capture.

    Raises:
        NotFoundError: there is no such refund.
    """
    owners = select(Capture.id, Capture.link_id).join(Refund, Refund.capture_id == Capture.id)
    row = db.session.execute(owners.where(Refund.id == refund_id)).one()
    lock(PaymentLink, PaymentLink.id == row.link_id)
    lock(Capture, Capture.id == row.id)
    return lock(Refund, Refund.id == refund_id)


def wait(refund: Refund, *, at_least_s: float = 0) -> None:
    """Come back to it later, and ever later the longer nothing changes."""
    doubled: int = 2 ** min(refund.steps, 10)
    refund.steps += 1
    seconds = max(min(settings.refunds_every_s * doubled, _LONGEST_WAIT_S), at_least_s)
    refund.next_step_at = database_now() + timedelta(seconds=seconds)


def accept(refund: Refund, reference: str | None) -> None:
    """The provider has taken the order: its books say how it ends."""
    refund.provider_reference = reference or refund.provider_reference
    if refund.state is not RefundState.ACCEPTED:
        transition(refund, RefundState.ACCEPTED, actor=ACTOR, amount=str(refund.money))
        refund.steps = refund.missing_count = 0
        _certain(refund, "the provider has accepted it")
    wait(refund)


def finish(refund: Refund, reference: str | None, *, actor: str = ACTOR) -> None:
    """The money is back: with all of it the capture is RETURNED, and the order may be REFUNDED."""
    refund.provider_reference = reference or refund.provider_reference
    transition(refund, RefundState.DONE, actor=actor, amount=str(refund.money))
    _end(refund)
    _certain(refund, "the money is back")
    db.session.flush()
    done = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.capture_id == refund.capture_id, Refund.state == RefundState.DONE
    )
    capture = refund.capture
    if db.session.scalars(done).one() < capture.amount_minor:
        return
    if capture.state is not CaptureState.RETURNED:
        transition(capture, CaptureState.RETURNED, actor=actor)
    for kind in ("surplus", "mismatch"):
        attention.end_items(
            capture.link, kind, actor=actor, reason="sent back", subject=capture.subject
        )
    _return_link(capture.link, actor)


def fail(refund: Refund, reason: str, reference: str | None = None) -> None:
    """Nothing went back, and nothing will: a person decides whether to ask again."""
    refund.provider_reference = reference or refund.provider_reference
    refund.last_answer = reason[:200]
    transition(
        refund, RefundState.FAILED, actor=ACTOR, amount=str(refund.money), reason=reason[:200]
    )
    _end(refund)
    _certain(refund, "it was not done")
    attention.raise_item(
        refund.trail,
        "refund_failed",
        f"{refund.money} was not sent back: {reason[:200].rstrip('.')}. You can ask for it again.",
        actor=ACTOR,
        subject=refund.reference,
    )


def doubt(refund: Refund, reason: str) -> None:
    """Nobody knows whether the money goes back: it is read and never sent again blindly."""
    refund.last_answer = reason[:200]
    transition(
        refund, RefundState.UNKNOWN, actor=ACTOR, amount=str(refund.money), reason=reason[:200]
    )
    refund.steps = 0
    wait(refund)
    link = refund.trail
    attention.raise_item(
        link,
        "refund_unknown",
        f"Nobody knows yet whether {refund.money} went back. The provider's books are being read:"
        " do not send it again, neither here nor there.",
        actor=ACTOR,
        subject=refund.reference,
    )
    alerts.raise_once(
        "critical",
        "refund_unknown",
        subject=refund.reference,
        headline=f"Refund Unknown - Order {link.reference}",
        body=(
            "A refund was sent and not answered.\n"
            f"Order: {link.reference}\n"
            f"Refund: {refund.reference}\n"
            f"Amount: {refund.money}\n"
            f"Payment: {refund.capture.subject}\n"
            f"Reason: {reason[:200]}\n"
            "The provider's books are being read. Do NOT send it again by hand before that ends.\n"
        ),
        merchant_id=link.merchant_id,
    )


def note_missing(refund: Refund) -> None:
    """The provider's books were read and do not have it (yet)."""
    refund.missing_count += 1
    refund.last_answer = "not in the provider's books"
    is_long = refund.asked_at is not None and database_now() - refund.asked_at >= timedelta(
        seconds=settings.refund_never_made_after_s
    )
    if not is_long or refund.missing_count < _READS_UNTIL_NEVER_MADE:
        wait(refund)
    elif refund.state is RefundState.UNKNOWN:
        fail(refund, "it never reached the provider's books")
    else:
        wait(refund)
        attention.raise_item(
            refund.trail,
            "refund_unknown",
            f"The provider has accepted to send {refund.money} back, and its books do not show it.",
            actor=ACTOR,
            subject=refund.reference,
            sight="accepted, not in the books",
        )


def _end(refund: Refund) -> None:
    refund.ended_at = clock.now()
    refund.next_step_at = None


def _certain(refund: Refund, reason: str) -> None:
    """End what told of the doubt."""
    attention.end_items(
        refund.trail, "refund_unknown", actor=ACTOR, reason=reason, subject=refund.reference
    )
    alerts.end("refund_unknown", refund.reference)


def _return_link(link: PaymentLink, actor: str) -> None:
    """End the order once nothing of what paid for it, or waits for a decision, is left.

    Money that came besides keeps its own question. Tickets stay until a person voids them.
    """
    db.session.flush()
    states = db.session.scalars(select(Capture.state).where(Capture.link_id == link.id)).all()
    if {CaptureState.FULFILS, CaptureState.HELD} & set(states):
        return
    if link.state not in {LinkState.PAID, LinkState.REVIEW}:
        return
    if link.state is LinkState.REVIEW:
        capacity.release(link)
    link.paid_at = link.paid_at or clock.now()
    transition(link, LinkState.REFUNDED, actor=actor)
    attention.end_items(
        link, "mismatch", "late", actor=actor, reason="sent back", subject=link.reference
    )
