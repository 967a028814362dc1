"""Closing, step by step: close the checkouts, read every watched attempt, then take the edge.

No lock is held while a provider is asked. What it says goes through settlement like every read, and
only what the rows then hold decides, under the link's lock: money that came in meanwhile wins.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import func, select

from webapp.core import clock, references
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.messages import attention
from webapp.domain.payments import accounts, attempts, closing, verification
from webapp.domain.tickets import capacity
from webapp.domain.transaction import database_now, lock, lock_some, step_outside, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers.base import Unreadable

logger = structlog.get_logger(__name__)

ACTOR = "sweep:closing"

# An account that cannot be read for hours should not be asked every few seconds.
_LONGEST_WAIT_S = 300


@dataclass(frozen=True)
class _Lease:
    link_id: int
    token: str


def run_due(budget: Budget) -> int:
    """Take one step with every link whose closing is due; return with how many."""
    steps = 0
    while not budget.is_spent:
        lease = _lease_one()
        if lease is None:
            break
        budget.rows -= 1
        steps += 1
        try:
            _step(lease)
        except Exception:
            # The lease has moved this link's clock: it does not stand in the others' way.
            logger.exception("closing_failed", link_id=lease.link_id)
    return steps


def _lease_one() -> _Lease | None:
    """Take the next due link; should we die, it is due again when the lease runs out."""
    token = references.token()
    with transaction():
        due = lock_some(
            PaymentLink,
            PaymentLink.closing_for.is_not(None),
            PaymentLink.closing_due_at <= func.now(),
            by=PaymentLink.closing_due_at,
            limit=1,
        )
        if not due:
            return None
        (link,) = due
        link.closing_lease_token = token
        closing.postpone(link, settings.closing_lease_s)
        return _Lease(link.id, token)


def _step(lease: _Lease) -> None:
    watched = db.session.scalars(
        select(PaymentAttempt.reference)
        .where(
            PaymentAttempt.link_id == lease.link_id,
            PaymentAttempt.watch_until > func.now(),
            PaymentAttempt.state != AttemptState.SUCCEEDED,
        )
        .order_by(PaymentAttempt.id)
    ).all()
    is_readable = True
    for reference in watched:
        _close(reference)
        read = verification.read_and_settle(reference, actor=ACTOR).read
        is_readable = is_readable and not isinstance(read, Unreadable)
    _finish(lease, is_readable=is_readable)


def _close(reference: str) -> None:
    """Ask that nobody can pay this checkout any more. Only the read that follows tells the truth.

    Where that cannot even be asked, such as with credentials of a lost key, the read fails too, and
    the link waits as with any other account that cannot be read.
    """
    query = select(PaymentAttempt).where(PaymentAttempt.reference == reference)
    attempt = db.session.scalars(query.execution_options(populate_existing=True)).one()
    checkout_id = attempt.checkout_id
    if checkout_id is None or attempt.state not in MAY_HOLD_MONEY:
        return
    try:
        connection = accounts.connection(attempt.provider_account)
        step_outside()
        answer = connection.close(checkout_id, timeout_s=settings.provider_timeout_s)
    except Exception:
        logger.exception("close_failed", attempt=reference)
    else:
        logger.info("checkout_closed", attempt=reference, answer=answer.value)


def _finish(lease: _Lease, *, is_readable: bool) -> None:
    """Take the edge if nothing stands against it any more; otherwise come back later."""
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == lease.link_id)
        if link.closing_lease_token != lease.token:
            return
        if link.state is not LinkState.OPEN:
            closing.lift(link)
        elif is_readable and not link.may_hold_money:
            _take_the_edge(link)
        elif link.closing_for == closing.EXPIRY:
            _wait_or_give_up(link)
        else:
            _retry_or_lift(link)


def _take_the_edge(link: PaymentLink) -> None:
    reason = link.closing_for
    closing.lift(link)
    if reason == closing.RETRY:
        record(link, "closing_done", actor=ACTOR, reason=reason)
        return
    ended = LinkState.CANCELED if reason == closing.CANCEL else LinkState.EXPIRED
    transition(link, ended, actor=ACTOR)
    capacity.release(link)
    link.ended_at = clock.now()


def _retry_or_lift(link: PaymentLink) -> None:
    """A cancel or a retry that keeps failing must not leave the link unpayable for ever."""
    link.closing_failures += 1
    if link.closing_failures >= settings.closing_tries:
        record(link, "closing_abandoned", actor=ACTOR, reason=link.closing_for)
        closing.lift(link)
    else:
        closing.postpone(link, settings.closing_retry_s)


def _wait_or_give_up(link: PaymentLink) -> None:
    """A link past its end waits as long as its money could still be there: never silently lost."""
    holding = db.session.scalars(
        select(PaymentAttempt)
        .where(PaymentAttempt.link_id == link.id, PaymentAttempt.state.in_(MAY_HOLD_MONEY))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if not holding or max(attempt.watch_until for attempt in holding) > database_now():
        link.closing_failures += 1
        wait = settings.closing_retry_s * 2 ** min(link.closing_failures - 1, 8)
        closing.postpone(link, min(wait, _LONGEST_WAIT_S))
        return
    for attempt in holding:
        is_created = attempt.state is AttemptState.CREATED
        ended = AttemptState.FAILED if is_created else AttemptState.EXPIRED
        transition(attempt, ended, actor=ACTOR, reason="never readable")
    attempts.weigh(link)
    _take_the_edge(link)
    attention.raise_item(
        link,
        "unverified",
        "The provider could not be read until the last moment: nobody knows whether it was paid.",
        actor=ACTOR,
        subject=link.reference,
    )
