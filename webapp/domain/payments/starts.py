"""Starts: when a checkout that does not come is given up, and how one is left for another."""

import time
from datetime import timedelta

import structlog
from sqlalchemy import func, select

from webapp.core.errors import NotFoundError, PaymentInFlightError
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, LinkState, SessionState
from webapp.domain.payments import attempts, closing, sessions, waits
from webapp.domain.transaction import database_now, lock, transaction
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession

logger = structlog.get_logger(__name__)

ACTOR = "sweep:starts"

# So many at one turn; whoever is left waits for the next one.
_BATCH = 100


def again(code: str, token: str | None) -> None:
    """Have the attempt in flight closed and read, so that the link can be paid by another one.

    Nothing is begun here: a worker closes the checkout, and money that came meanwhile wins. Nothing
    happens where nothing is in flight, or the link is being closed already.

    Raises:
        NotFoundError: there is no such link.
        PaymentInFlightError: it may not be left yet.
    """
    with transaction():
        link = lock(PaymentLink, PaymentLink.code == code)
        if link.state is LinkState.DRAFT:
            raise NotFoundError("there is no such link")
        attempt = attempts.current(link)
        if link.state is not LinkState.OPEN or attempt is None:
            return
        is_own = token is not None and (attempt.session.token_hash == sessions.token_hash(token))
        leave(link, attempt, is_own=is_own, actor="buyer")


def leave(link: PaymentLink, attempt: PaymentAttempt, *, is_own: bool, actor: str) -> None:
    """Mark a link so that its attempt in flight is closed and read; see `again`.

    The buyer who began it may do so after an interruption, everybody else when `START_TIMEOUT_S`
    have passed since it began or its buyer came back. The caller holds the link's lock.

    Raises:
        PaymentInFlightError: it is too early.
    """
    if attempt.state not in MAY_HOLD_MONEY or link.closing_for is not None:
        return
    if link.expires_at <= database_now():
        return  # its end is due, and that comes with a closing of its own
    if not may_leave(attempt, is_own=is_own):
        raise PaymentInFlightError("a payment for this link is on its way")
    closing.ask(link, closing.RETRY, actor=actor)


def may_leave(attempt: PaymentAttempt, *, is_own: bool) -> bool:
    """Say whether an attempt in flight can be left for another; see `leave`."""
    if is_own and attempt.session.state is not SessionState.PROCESSING:
        return True
    return waits.waited_s(attempt) >= settings.start_timeout_s


def time_out() -> int:
    """Interrupt the sittings whose checkout does not come; return how many it were.

    The attempt stays: it may hold money, and when its checkout comes after all, the sitting goes
    on. The time counts from the first attempt, where others have taken its place.
    """
    count = 0
    for reference in _slow():
        try:
            count += _interrupt(reference)
        except Exception:
            # One that cannot be interrupted is nobody else's trouble.
            logger.exception("start_not_timed_out", attempt=reference)
    return count


def await_next(at_most_s: float) -> bool:
    """Wait a moment for an attempt that is followed up soon, and say whether there is one.

    Args:
        at_most_s: how long, in seconds: meanwhile others may become due.
    """
    due_s = func.extract("epoch", func.min(PaymentAttempt.next_check_at) - func.now())
    pause = timedelta(seconds=settings.start_pause_s)
    query = select(due_s).where(
        PaymentAttempt.state == AttemptState.CREATED,
        PaymentAttempt.start_tries < settings.start_tries,
        PaymentAttempt.created_at > func.now() - timedelta(seconds=settings.start_timeout_s),
        PaymentAttempt.next_check_at <= func.now() + pause,
    )
    with transaction():
        left_s = db.session.scalar(query)
    if left_s is None:
        return False
    # One that is due and was not taken waits for something else, and we for others.
    time.sleep(min(float(left_s), at_most_s) if left_s > 0 else at_most_s)
    return True


def _slow() -> list[str]:
    """Return attempts without a checkout whose buyers have waited too long, the newest first."""
    query = (
        select(PaymentAttempt.reference)
        .join(PaymentSession, PaymentSession.id == PaymentAttempt.session_id)
        .where(
            PaymentAttempt.state == AttemptState.CREATED,
            PaymentAttempt.is_current,
            PaymentSession.state == SessionState.PROCESSING,
            func.extract("epoch", func.now() - waits.began()) >= settings.start_timeout_s,
        )
        .order_by(PaymentAttempt.id.desc())
        .limit(_BATCH)
    )
    with transaction():
        return list(db.session.scalars(query))


def _interrupt(reference: str) -> bool:
    with transaction():
        attempt = attempts.lock_with_link(reference)
        # A checkout may have come while we looked.
        if attempt.state is not AttemptState.CREATED:
            return False
        was_waiting = attempt.session.state is SessionState.PROCESSING
        attempts.interrupt(attempt, "timeout", actor=ACTOR)
        return was_waiting and attempt.is_current
