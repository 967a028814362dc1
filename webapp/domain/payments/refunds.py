"""Refunds: money that a person wants sent back, asked for once however often a button is pressed.

What becomes of one is decided by `refund_endings`, after the provider was asked by `refund_rounds`.
Where the provider does not do it for us, a person does it there and notes it here.
"""

import re
from typing import Final

from sqlalchemy import func, select

from webapp import jobs
from webapp.core import text
from webapp.core.errors import InvalidInputError, NotFoundError, NotRefundableError
from webapp.core.money import Money
from webapp.core.states import CaptureState, RefundState
from webapp.domain.messages import attention
from webapp.domain.payments import links, refund_endings
from webapp.domain.transaction import AfterCommit, database_now, lock, lock_all, transaction
from webapp.domain.transitions import record
from webapp.extensions import db
from webapp.models import Capture, Merchant, PaymentLink, Refund
from webapp.providers.registry import ADAPTERS

MAX_REASON: Final = 200

# How the reason of a refund begins that was not sent by us.
BY_HAND: Final = "by hand: "

# Nobody knows yet how these end: the money may be on its way back.
UNDER_WAY: Final = frozenset({RefundState.REQUESTED, RefundState.ACCEPTED, RefundState.UNKNOWN})

_REFERENCE: Final = re.compile(r"ref-[a-z0-9]{26}")


def request(
    merchant: Merchant,
    name: str,
    *,
    reason: str,
    actor: str,
    amount: Money | None = None,
    payment: str | None = None,
    reference: str | None = None,
) -> Refund:
    """Ask that money be sent back; a worker does it after the commit.

    Args:
        merchant: whose link it is.
        name: the link's code, reference or public id.
        reason: why, one line; it is kept with the order.
        actor: who wants it.
        amount: how much; all that is left where nothing is said.
        payment: the provider's reference of the payment, where the link has several.
        reference: the refund's own name, where it was made with the form: pressed twice, it makes
            one refund.

    Raises:
        NotFoundError: the merchant has no such link, or the link no such payment.
        InvalidInputError: no reason, or more than is left, or another currency.
        NotRefundableError: it cannot be sent back from here now; the sentence says why.
    """
    reason = text.one_line("reason", reason, MAX_REASON)
    _check_name(reference)
    with transaction() as after_commit:
        link = lock(PaymentLink, *links.named(merchant, name))
        known = _known(link, reference, amount)
        if known is not None:
            return known
        capture = _chosen(link, payment)
        if not is_possible_at(_provider_of(capture)):
            raise NotRefundableError(
                f"{_provider_of(capture)} sends no money back for us:"
                " do it there, and note the reason here"
            )
        refund = _make(capture, amount, reason=reason, actor=actor, reference=reference)
        refund.next_step_at = func.now()
        db.session.flush()
        _tell(link, refund, after_commit)
    return refund


def note(
    merchant: Merchant,
    name: str,
    *,
    reason: str,
    actor: str,
    amount: Money | None = None,
    payment: str | None = None,
    reference: str | None = None,
) -> Refund:
    """Write down money that was sent back by hand, at a provider that does not do it for us.

    The arguments are those of `request`. The payment and the order stand afterwards as after a
    refund of ours.

    Raises:
        NotFoundError: the merchant has no such link, or the link no such payment.
        InvalidInputError: no reason, or more than is left, or another currency.
        NotRefundableError: nothing is left of it, or its provider sends money back for us.
    """
    reason = text.one_line("reason", reason, MAX_REASON)
    _check_name(reference)
    with transaction():
        link = lock(PaymentLink, *links.named(merchant, name))
        known = _known(link, reference, amount)
        if known is not None:
            return known
        capture = _chosen(link, payment)
        if is_possible_at(_provider_of(capture)):
            raise NotRefundableError(
                f"{_provider_of(capture)} sends money back for us: ask for a refund instead"
            )
        refund = _make(
            capture, amount, reason=f"{BY_HAND}{reason}", actor=actor, reference=reference
        )
        # As one that we have sent: what the provider tells of it later is explained by this.
        refund.asked_at = database_now()
        db.session.flush()
        record(
            link,
            "refund_noted",
            actor=actor,
            subject=refund.reference,
            amount=str(refund.money),
            reason=reason,
        )
        refund_endings.finish(refund, None, actor=actor)
        _answer_reversal(capture, actor)
    return refund


def left_of(capture: Capture) -> Money:
    """Return how much of a capture neither went back nor is on its way."""
    gone = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.capture_id == capture.id, Refund.state != RefundState.FAILED
    )
    left = capture.amount_minor - int(db.session.scalars(gone).one())
    return Money(max(left, 0), capture.currency)


def is_possible_at(provider: str) -> bool:
    """Say whether a provider sends money back when we ask it to."""
    return ADAPTERS[provider].CAPABILITIES.can_refund


def of_link(link: PaymentLink) -> list[Refund]:
    """Return every refund of a link, the oldest first."""
    query = select(Refund).join(Capture, Capture.id == Refund.capture_id)
    return list(db.session.scalars(query.where(Capture.link_id == link.id).order_by(Refund.id)))


def are_under_way(link: PaymentLink) -> bool:
    """Say whether money of this link may be on its way back."""
    query = (
        select(Refund.id)
        .join(Capture, Capture.id == Refund.capture_id)
        .where(Capture.link_id == link.id, Refund.state.in_(UNDER_WAY))
    )
    return db.session.scalar(query.limit(1)) is not None


def _answer_reversal(capture: Capture, actor: str) -> None:
    """End the question why money went back, once all that the attempt brought is noted as back."""
    db.session.flush()
    staying = select(Capture.id).where(
        Capture.attempt_id == capture.attempt_id, Capture.state != CaptureState.RETURNED
    )
    if db.session.scalar(staying.limit(1)) is None:
        attention.end_items(
            capture.link,
            "reversed",
            actor=actor,
            reason="noted as sent back",
            subject=capture.attempt.reference,
        )


def _check_name(reference: str | None) -> None:
    if reference is not None and not _REFERENCE.fullmatch(reference):
        raise InvalidInputError("reference", "is no name of a refund: open the form anew")


def _provider_of(capture: Capture) -> str:
    return capture.attempt.provider_account.provider


def _known(link: PaymentLink, reference: str | None, amount: Money | None) -> Refund | None:
    """Return the refund that this very form has made before, if it has."""
    if reference is None:
        return None
    refund = db.session.scalar(select(Refund).where(Refund.reference == reference))
    if refund is None:
        return None
    if refund.capture.link_id != link.id:
        raise NotFoundError("there is no such refund")
    if amount not in {None, refund.money}:
        raise NotRefundableError(f"this form has asked for {refund.money} already")
    return refund


def _chosen(link: PaymentLink, payment: str | None) -> Capture:
    captures = lock_all(Capture, Capture.link_id == link.id, by=Capture.id)
    if payment is not None:
        captures = [one for one in captures if one.payment_reference == payment]
        if not captures:
            raise NotFoundError("the order has no such payment")
        return captures[0]
    if not captures:
        raise NotRefundableError("nothing was taken for this order")
    staying = [one for one in captures if one.state is not CaptureState.RETURNED]
    if len(staying) > 1:
        named = ", ".join(one.payment_reference for one in staying)
        raise NotRefundableError(f"it has several payments, say which: {named}")
    return staying[0] if staying else captures[0]


def _make(
    capture: Capture, amount: Money | None, *, reason: str, actor: str, reference: str | None
) -> Refund:
    money = amount or left_of(capture)
    _check(capture, money)
    refund = Refund(
        capture=capture,
        amount_minor=money.minor,
        currency=money.currency,
        requested_by=actor,
        reason=reason,
    )
    if reference is not None:
        refund.reference = reference
    db.session.add(refund)
    return refund


def _check(capture: Capture, money: Money) -> None:
    """Refuse what must not be sent, whatever the provider would say."""
    under_way = select(Refund.reference).where(
        Refund.capture_id == capture.id, Refund.state.in_(UNDER_WAY)
    )
    if db.session.scalar(under_way.limit(1)) is not None:
        raise NotRefundableError("a refund of this payment is under way: wait for its end")
    left = left_of(capture)
    if left.minor == 0:
        raise NotRefundableError("all of this payment was sent back already")
    if money.currency != capture.currency:
        raise InvalidInputError("amount", f"must be in {capture.currency}, as it was paid")
    if money.minor == 0:
        raise InvalidInputError("amount", "must be above zero")
    if money.minor > left.minor:
        raise InvalidInputError("amount", f"must be at most {left.major}")


def _tell(link: PaymentLink, refund: Refund, after_commit: AfterCommit) -> None:
    """Write it into the trail, and let somebody send it. What failed before is answered by it."""
    record(
        link,
        "refund_requested",
        actor=refund.requested_by,
        subject=refund.reference,
        amount=str(refund.money),
        reason=refund.reason,
    )
    before = select(Refund.reference).where(
        Refund.capture_id == refund.capture_id, Refund.state == RefundState.FAILED
    )
    for reference in db.session.scalars(before).all():
        attention.end_items(
            link,
            "refund_failed",
            actor=refund.requested_by,
            reason="asked for again",
            subject=reference,
        )
    after_commit(jobs.kick, jobs.JobName.REFUNDS)
