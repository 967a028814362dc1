"""Captures: what becomes of money that a provider says it took."""

from datetime import timedelta
from enum import Enum, auto

from sqlalchemy import func, select

from webapp import jobs
from webapp.core import clock
from webapp.core.states import CaptureState, LinkState
from webapp.domain.messages import attention, emails, mismatches, patterns
from webapp.domain.messages.emails import Template
from webapp.domain.payments import closing
from webapp.domain.tickets import capacity, tickets
from webapp.domain.transaction import AfterCommit
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import Capture, PaymentAttempt, PaymentLink
from webapp.providers.base import Payment


class Booked(Enum):
    """What new money led to."""

    FULFILLED = auto()
    HELD = auto()
    SURPLUS = auto()


def take(
    attempt: PaymentAttempt,
    payments: tuple[Payment, ...],
    *,
    actor: str,
    was_reversed: bool = False,
) -> Booked | None:
    """Write down money that has not been seen before, and decide what becomes of it.

    The caller holds the locks of the link, its event, the session and the attempt.

    Args:
        attempt: whose checkout took it.
        payments: every payment that the provider counts on this checkout.
        actor: who asked the provider.
        was_reversed: the provider has sent it back already; it buys nothing without a person.

    Returns:
        What it led to, or None when all of it was known.
    """
    named = {payment.reference: payment for payment in payments}
    known = _booked_before(attempt, list(named), actor)
    fresh = [_write(attempt, named[reference]) for reference in named if reference not in known]
    if not fresh:
        return None
    db.session.flush()
    link = attempt.link
    if link.state in {LinkState.PAID, LinkState.REFUNDED}:
        for capture in fresh:
            set_aside(link, capture, actor=actor)
        return Booked.SURPLUS
    if link.state is LinkState.REVIEW:
        _hold_more(link, fresh, actor)
        return Booked.HELD
    if was_reversed or len(fresh) > 1 or fresh[0].money != attempt.money:
        _hold_mismatched(link, attempt, fresh, actor, was_reversed=was_reversed)
        return Booked.HELD
    if link.state is LinkState.OPEN or _may_be_late(link, fresh[0]):
        fulfil(link, fresh[0], actor=actor)
        return Booked.FULFILLED
    _hold_late(link, actor)
    return Booked.HELD


def fulfil(link: PaymentLink, capture: Capture, *, actor: str) -> None:
    """Make the link PAID by this money, with its tickets and the email that brings them.

    The places are held by then. All of it is one transaction: whoever sees PAID sees the promises.
    """
    # Before the edge: reading the sitting flushes, and a PAID link has to have its moment by then.
    link.buyer_email = link.buyer_email or capture.attempt.session.buyer_email
    link.paid_at = capture.paid_at or clock.now()
    transition(capture, CaptureState.FULFILS, actor=actor)
    transition(link, LinkState.PAID, actor=actor, attempt=capture.attempt.reference)
    closing.lift(link)
    tickets.issue(link)
    emails.promise(link, Template.TICKETS)


def announce(after_commit: AfterCommit) -> None:
    """Kick the queue once the tickets are committed. Should it be down, the sweep finds them."""
    after_commit(jobs.kick, jobs.JobName.TICKET_EMAIL)


def _booked_before(attempt: PaymentAttempt, references: list[str], actor: str) -> set[str]:
    """Return which of these payments are written down; ask a person where another's is named."""
    rows = db.session.execute(
        select(Capture.payment_reference, Capture.attempt_id).where(
            Capture.provider_account_id == attempt.provider_account_id,
            Capture.payment_reference.in_(references),
        )
    ).all()
    others = sorted(row.payment_reference for row in rows if row.attempt_id != attempt.id)
    if others:
        is_news = attention.raise_item(
            attempt.link,
            "mismatch",
            "The provider names a payment that was booked for another order already.",
            actor=actor,
            subject=attempt.reference,
            sight=", ".join(others)[:500],
        )
        if is_news:
            patterns.note_double_booking(attempt.link, attempt.provider_account_id, others)
    return {row.payment_reference for row in rows}


def _write(attempt: PaymentAttempt, payment: Payment) -> Capture:
    capture = Capture(
        link=attempt.link,
        attempt=attempt,
        provider_account_id=attempt.provider_account_id,
        payment_reference=payment.reference,
        amount_minor=payment.money.minor,
        currency=payment.money.currency,
        paid_at=payment.paid_at,
        next_look_at=func.now() + timedelta(seconds=settings.check_paid_every_s),
    )
    db.session.add(capture)
    return capture


def _may_be_late(link: PaymentLink, capture: Capture) -> bool:
    """Say whether money for an ended link still buys its tickets: allowed, and with room left.

    Money that was taken before the end is not late, however late we saw it.
    """
    was_in_time = (
        capture.paid_at is not None
        and link.ended_at is not None
        and capture.paid_at <= link.ended_at
    )
    return (was_in_time or link.merchant.accepts_late_payments) and capacity.reserve(link)


def set_aside(link: PaymentLink, capture: Capture, *, actor: str) -> None:
    """Keep money that pays for nothing until a person has looked at it."""
    transition(capture, CaptureState.SURPLUS, actor=actor)
    attention.raise_item(
        link,
        "surplus",
        f"{capture.money} came in although this order was paid already.",
        actor=actor,
        subject=capture.subject,
    )


def _hold_late(link: PaymentLink, actor: str) -> None:
    transition(link, LinkState.REVIEW, actor=actor)
    attention.raise_item(
        link,
        "late",
        "Paid after its end, and the tickets could not be given: no room, or not wished for.",
        actor=actor,
        subject=link.reference,
    )


def _hold_more(link: PaymentLink, held: list[Capture], actor: str) -> None:
    """Keep what comes in during a review: it may be the payment that the order waits for."""
    for capture in held:
        attention.raise_item(
            link,
            "mismatch",
            f"{capture.money} more came in while somebody is to decide about this order.",
            actor=actor,
            subject=capture.subject,
        )


def _hold_mismatched(
    link: PaymentLink,
    attempt: PaymentAttempt,
    held: list[Capture],
    actor: str,
    *,
    was_reversed: bool,
) -> None:
    received = " and ".join(str(capture.money) for capture in held)
    went_back = ", and was sent back there" if was_reversed else ""
    transition(link, LinkState.REVIEW, actor=actor, attempt=attempt.reference)
    closing.lift(link)
    attention.raise_item(
        link,
        "mismatch",
        f"{attempt.money} was asked for and {received} came in{went_back}.",
        actor=actor,
        subject=link.reference,
    )
    if was_reversed and all(capture.money == attempt.money for capture in held):
        return  # the amount is right: the item about the reversal says the rest
    mismatches.tell_amount(attempt, received)
