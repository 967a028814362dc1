"""Expiry: ends overdue links, and never expires money away."""

from dataclasses import dataclass

from sqlalchemy import func, select

from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import closing, closing_rounds
from webapp.domain.transaction import lock, transaction
from webapp.domain.transitions import transition_many
from webapp.extensions import db
from webapp.models import PaymentLink

ACTOR = "sweep:expiry"

# Rows that one statement moves: 500 take a few milliseconds, so no buyer waits for the sweep.
_BATCH = 500


@dataclass
class Summary:
    """What one run did."""

    expired: int = 0
    marked: int = 0
    closing_steps: int = 0


def run_due(budget: Budget) -> Summary:
    """End overdue links: at once where no money can be, by closing where it could."""
    summary = Summary()
    while not budget.is_spent:
        moved = expire_batch(min(_BATCH, budget.rows))
        summary.expired += moved
        budget.rows -= moved
        if moved < _BATCH:
            break
    summary.marked = _mark_overdue(budget)
    summary.closing_steps = closing_rounds.run_due(budget)
    return summary


def expire_batch(limit: int) -> int:
    """Expire up to `limit` overdue links that hold no money, in one statement."""
    with transaction():
        return transition_many(
            PaymentLink,
            LinkState.OPEN,
            LinkState.EXPIRED,
            PaymentLink.expires_at <= func.now(),
            PaymentLink.may_hold_money.is_(False),
            PaymentLink.closing_for.is_(None),
            actor=ACTOR,
            limit=limit,
            stamps={"ended_at": func.now(), "seats_held": 0},
        )


def _mark_overdue(budget: Budget) -> int:
    """Begin closing every overdue link whose attempts could still be paid."""
    overdue = db.session.scalars(
        select(PaymentLink.id)
        .where(
            PaymentLink.state == LinkState.OPEN,
            PaymentLink.expires_at <= func.now(),
            PaymentLink.may_hold_money,
            PaymentLink.closing_for.is_(None),
        )
        .order_by(PaymentLink.expires_at)
        .limit(max(budget.rows, 0))
    ).all()
    marked = 0
    for link_id in overdue:
        with transaction():
            link = lock(PaymentLink, PaymentLink.id == link_id)
            if link.state is LinkState.OPEN and link.may_hold_money:
                closing.mark(link, closing.EXPIRY, actor=ACTOR)
                marked += 1
    return marked
