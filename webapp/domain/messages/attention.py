"""Attention items: what needs an end, open at most once per kind and subject."""

from sqlalchemy import select

from webapp.core import clock
from webapp.core.states import AttentionState
from webapp.domain.messages import mismatches, patterns
from webapp.domain.transaction import lock_all, require_locked
from webapp.domain.transitions import record, transition
from webapp.extensions import db
from webapp.models import AttentionItem, PaymentLink


def raise_item(
    link: PaymentLink, kind: str, sentence: str, *, actor: str, subject: str, sight: str = ""
) -> bool:
    """Ask a person to look, in this transaction. The caller holds the link's lock.

    Args:
        link: what it belongs to.
        kind: one of the kinds of `webapp.models.attention_item`.
        sentence: what happened, for a person; nothing personal.
        actor: who or what noticed.
        subject: the reference of what it is about.
        sight: what was seen. A sight that was already ended by somebody is not raised again; the
            empty one always is.

    Returns:
        Whether this was news.
    """
    require_locked(link)
    known = select(AttentionItem.state, AttentionItem.sight).where(
        AttentionItem.kind == kind, AttentionItem.subject == subject
    )
    for state, seen in db.session.execute(known):
        if state is AttentionState.OPEN or (sight and seen == sight):
            return False
    db.session.add(
        AttentionItem(
            merchant_id=link.merchant_id,
            link_id=link.id,
            kind=kind,
            subject=subject,
            sight=sight,
            sentence=sentence,
        )
    )
    record(link, "attention_raised", actor=actor, subject=subject, kind=kind)
    if kind == "mismatch":
        patterns.note_mismatch(link)
    return True


def end_items(
    link: PaymentLink, *kinds: str, actor: str, reason: str, subject: str | None = None
) -> int:
    """End the open items of these kinds on the link; return how many it was.

    Args:
        link: what they belong to. The caller holds its lock.
        kinds: which of them.
        actor: who or what ended them.
        reason: why.
        subject: only those about this reference.
    """
    require_locked(link)
    about = () if subject is None else (AttentionItem.subject == subject,)
    items = lock_all(
        AttentionItem,
        AttentionItem.link_id == link.id,
        AttentionItem.kind.in_(kinds),
        AttentionItem.state == AttentionState.OPEN,
        *about,
        by=AttentionItem.id,
    )
    for item in items:
        transition(item, AttentionState.ENDED, actor=actor, kind=item.kind, reason=reason)
        item.ended_at, item.ended_by, item.end_reason = clock.now(), actor, reason
        if item.kind == "mismatch":
            mismatches.end(item.subject)
    return len(items)
