"""Matters: what waits for a person, told, and ended by one who says why."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from webapp.core import text
from webapp.core.errors import InvalidInputError, NotEndableError, NotFoundError
from webapp.core.states import AttentionState, CaptureState, LinkState
from webapp.domain.messages import attention
from webapp.domain.payments import links, refunds
from webapp.domain.transaction import lock, lock_all, transaction
from webapp.domain.transitions import transition
from webapp.extensions import db
from webapp.models import AttentionItem, Capture, Merchant, PaymentLink, Refund

MAX_REASON: Final = 500


def end(merchant: Merchant, name: str, number: int, *, reason: str, actor: str) -> AttentionItem:
    """End one matter of an order. One that has ended already is left as it is.

    Surplus money is set aside with it: it stays with the merchant, and a refund can still be asked
    for. Nothing else moves, and nobody is asked anything at the provider.

    Args:
        merchant: whose link it is.
        name: the link's code, reference or public id.
        number: the matter's own number, so that what came up later is not ended unseen.
        reason: what was done about it, one line; it is kept with the order.
        actor: who looked after it.

    Raises:
        NotFoundError: the merchant has no such link, or the link no such matter.
        InvalidInputError: there is no reason.
        NotEndableError: something else has to come first; the sentence says what.
    """
    reason = text.one_line("reason", reason, MAX_REASON)
    with transaction():
        link = lock(PaymentLink, *links.named(merchant, name))
        item = _known(link, number)
        if item.state is AttentionState.ENDED:
            return item
        first = obstacle(item, refunds.of_link(link))
        if first is not None:
            raise NotEndableError(first)
        if item.kind == "surplus":
            _set_aside(link, item.subject, reason=reason, actor=actor)
        attention.end_items(link, item.kind, actor=actor, reason=reason, subject=item.subject)
    return item


def obstacle(item: AttentionItem, sent_back: Iterable[Refund]) -> str | None:
    """Say what has to come first before a person can end a matter; None where nothing has to.

    Args:
        item: what waits.
        sent_back: all refunds of its link.
    """
    state = item.link.state
    under_way = [refund for refund in sent_back if refund.state in refunds.UNDER_WAY]
    match item.kind:
        case "mismatch" | "late" if state is LinkState.REVIEW:
            return "decide about the order first"
        case "surplus" if any(refund.capture.subject == item.subject for refund in under_way):
            return "a refund of this payment is under way: wait for its end"
        case "refund_unknown" if any(refund.reference == item.subject for refund in under_way):
            return "nobody knows yet whether the money went back: wait for the provider's books"
        case "email_failed" if state is LinkState.PAID:
            return "the email can still be sent: do that first"
    return None


def waiting(merchant: Merchant | None, *, limit: int) -> list[AttentionItem]:
    """Return what waits for a person, the oldest first: one merchant's, or everybody's."""
    query = (
        select(AttentionItem)
        .where(AttentionItem.state == AttentionState.OPEN)
        .options(joinedload(AttentionItem.link).joinedload(PaymentLink.merchant))
    )
    if merchant is not None:
        query = query.where(AttentionItem.merchant_id == merchant.id)
    return list(db.session.scalars(query.order_by(AttentionItem.id).limit(limit)))


def find(merchant: Merchant, name: str, kind: str, about: str | None = None) -> AttentionItem:
    """Return the open matter of one kind.

    Args:
        merchant: whose link it is.
        name: the link's code, reference or public id.
        kind: one of the kinds of `webapp.models.attention_item`.
        about: its subject, where the order has several of the kind.

    Raises:
        NotFoundError: the merchant has no such link, or nothing of the kind waits there.
        InvalidInputError: several do.
    """
    link = links.get(merchant, name)
    query = select(AttentionItem).where(
        AttentionItem.link_id == link.id,
        AttentionItem.kind == kind,
        AttentionItem.state == AttentionState.OPEN,
    )
    if about is not None:
        query = query.where(AttentionItem.subject == about)
    items = list(db.session.scalars(query.order_by(AttentionItem.id)))
    if not items:
        raise NotFoundError(f"nothing of this kind waits at {link.reference}")
    if len(items) > 1:
        named = ", ".join(item.subject for item in items)
        raise InvalidInputError("about", f"is needed, there are several: {named}")
    return items[0]


def _known(link: PaymentLink, number: int) -> AttentionItem:
    query = select(AttentionItem).where(
        AttentionItem.id == number, AttentionItem.link_id == link.id
    )
    item = db.session.scalar(query, execution_options={"populate_existing": True})
    if item is None:
        raise NotFoundError("nothing of this name waits at the order")
    return item


def _set_aside(link: PaymentLink, subject: str, *, reason: str, actor: str) -> None:
    for capture in lock_all(Capture, Capture.link_id == link.id, by=Capture.id):
        if capture.subject == subject and capture.state is CaptureState.SURPLUS:
            transition(capture, CaptureState.DISMISSED, actor=actor, reason=reason)
