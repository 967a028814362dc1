"""Expiry: ends overdue links, and never expires money away."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from webapp.core.states import MAY_HOLD_MONEY, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, closing, closing_rounds
from webapp.domain.transaction import lock_some, transaction
from webapp.domain.transitions import transition_many
from webapp.models import PaymentAttempt, PaymentLink

ACTOR = "sweep:expiry"

# Rows that one statement moves: 500 take a few milliseconds, so no buyer waits for the sweep.
_BATCH = 500

# Links that are marked under one commit: each takes two statements, and buyers wait meanwhile.
_MARKED_AT_ONCE = 50


@dataclass
class Summary:
    """What one run did."""

    expired: int = 0
    marked: int = 0
    given_up: int = 0
    closing_steps: int = 0


def run_due(budget: Budget) -> Summary:
    """End overdue links: at once where no money can be, by closing where it could."""
    return Summary(
        expired=_drain(expire_batch, _BATCH, budget),
        marked=_drain(_mark_overdue, _MARKED_AT_ONCE, budget),
        given_up=_drain(_give_up_unwatched, _MARKED_AT_ONCE, budget),
        closing_steps=closing_rounds.run_due(budget),
    )


def _drain(step: Callable[[int], int], size: int, budget: Budget) -> int:
    """Take steps of up to `size` rows until one finds less than that or the budget is spent."""
    done = 0
    while not budget.is_spent:
        moved = step(min(size, budget.rows))
        done += moved
        budget.rows -= moved
        if moved < size:
            break
    return done


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


def _mark_overdue(limit: int) -> int:
    """Begin closing overdue links whose attempts could still be paid."""
    with transaction():
        overdue = lock_some(
            PaymentLink,
            PaymentLink.state == LinkState.OPEN,
            PaymentLink.expires_at <= func.now(),
            PaymentLink.may_hold_money.is_(True),
            PaymentLink.closing_for.is_(None),
            by=PaymentLink.expires_at,
            limit=limit,
        )
        for link in overdue:
            closing.mark(link, closing.EXPIRY, actor=ACTOR)
    return len(overdue)


def _give_up_unwatched(limit: int) -> int:
    """End attempts that were never readable, on links that have ended or were paid otherwise.

    Those of an open link are its closing's business. A link is taken when the last of its watches
    is over: one that has to wait would stand in the others' way at every turn.
    """
    later = aliased(PaymentAttempt)
    is_watched = select(later.id).where(
        later.link_id == PaymentAttempt.link_id,
        later.state.in_(MAY_HOLD_MONEY),
        later.watch_until > func.now(),
    )
    with transaction():
        unwatched = lock_some(
            PaymentLink,
            PaymentLink.state != LinkState.OPEN,
            PaymentLink.id.in_(
                select(PaymentAttempt.link_id).where(
                    PaymentAttempt.state.in_(MAY_HOLD_MONEY),
                    PaymentAttempt.watch_until <= func.now(),
                    ~is_watched.exists(),
                )
            ),
            by=PaymentLink.id,
            limit=limit,
        )
        return sum(attempts.give_up(link, actor=ACTOR) for link in unwatched)
