"""Reviews: a person decides about money that was held."""

from webapp.core import clock, text
from webapp.core.errors import (
    LinkNotPayableError,
    NoRoomError,
    NotRefundableError,
    PaymentInFlightError,
)
from webapp.core.states import CaptureState, LinkState
from webapp.domain.messages import attention
from webapp.domain.payments import captures, links, refunds
from webapp.domain.tickets import capacity
from webapp.domain.transaction import lock, lock_all, transaction
from webapp.domain.transitions import transition
from webapp.models import Capture, Merchant, PaymentLink

MAX_REASON = 500


def accept(merchant: Merchant, name: str, *, actor: str) -> PaymentLink:
    """Take the held money as payment: the link is PAID, tickets and email follow.

    Where several payments were held, the one of the right amount pays and the others are surplus.

    Raises:
        NotFoundError: the merchant has no such link.
        LinkNotPayableError: it is not in review.
        NoRoomError: its places were given away meanwhile.
        NotRefundableError: some of its money may be on its way back.
    """
    with transaction() as after_commit:
        link, held = _lock_for_review(merchant, name)
        if refunds.are_under_way(link):
            raise NotRefundableError("money of this order may be on its way back: wait for its end")
        if not capacity.reserve(link):
            raise NoRoomError("the places were given away meanwhile: dismiss, or make room first")
        fitting = [capture for capture in held if capture.money == link.money] or held
        captures.fulfil(link, fitting[0], actor=actor)
        attention.end_items(link, "mismatch", "late", actor=actor, reason="accepted")
        for capture in held:
            if capture is not fitting[0]:
                captures.set_aside(link, capture, actor=actor)
        captures.announce(after_commit)
    return link


def dismiss(merchant: Merchant, name: str, *, reason: str, actor: str) -> PaymentLink:
    """Do not take the held money as payment: the link is CANCELED, and the reason is kept.

    The money itself stays where the provider has it; sending it back is a refund's business.

    Raises:
        NotFoundError: the merchant has no such link.
        InvalidInputError: there is no reason.
        LinkNotPayableError: it is not in review.
        PaymentInFlightError: another attempt for it could still be paid.
    """
    reason = text.one_line("reason", reason, MAX_REASON)
    with transaction():
        link, held = _lock_for_review(merchant, name)
        if link.may_hold_money:
            raise PaymentInFlightError("another payment could be on its way: wait for its end")
        transition(link, LinkState.CANCELED, actor=actor, reason=reason)
        link.ended_at = clock.now()
        capacity.release(link)
        for capture in held:
            transition(capture, CaptureState.DISMISSED, actor=actor, reason=reason)
        attention.end_items(link, "mismatch", "late", actor=actor, reason=reason)
    return link


def _lock_for_review(merchant: Merchant, name: str) -> tuple[PaymentLink, list[Capture]]:
    link = lock(PaymentLink, *links.named(merchant, name))
    if link.state is not LinkState.REVIEW:
        raise LinkNotPayableError(f"a link that is {link.state} is not in review")
    held = lock_all(
        Capture,
        Capture.link_id == link.id,
        Capture.state == CaptureState.HELD,
        by=Capture.id,
    )
    return link, held
