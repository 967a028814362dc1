"""Sittings as everybody is told of them: the buyer's pages, programs, and the merchant's support.

A sitting is known by its reference, which is shown and opens nothing: whoever asks shows the token
of the browser that began it, or is the merchant who is paid.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select

from webapp.core import session_words
from webapp.core.errors import NotFoundError, SessionOverError
from webapp.core.states import MAY_HOLD_MONEY, SESSION_OPEN, AttemptState, LinkState, SessionState
from webapp.domain.payments import sessions, waits
from webapp.extensions import db, settings
from webapp.models import Merchant, PaymentAttempt, PaymentEvent, PaymentLink, PaymentSession


@dataclass(frozen=True)
class Sitting:
    """A payment session in words; see `webapp/core/session_words.py` for `message`."""

    # Shown for support; it opens nothing.
    reference: str
    link_id: int
    code: str
    state: SessionState
    attempt_count: int
    max_attempts: int
    expires_at: datetime
    # Whether `resume` leads somewhere now.
    can_resume: bool
    message: str
    # Why it was interrupted: `timeout`, `network`, `refused` or `declined`.
    interruption: str | None


@dataclass(frozen=True)
class Holder:
    """Who asks for a sitting: a browser with its token, or a merchant. One of them may be None."""

    token: str | None = None
    merchant: Merchant | None = None
    # How the audit trail names who asks, where it is not just the buyer or the merchant.
    actor: str | None = None


@dataclass(frozen=True)
class AttemptLine:
    """One attempt of a sitting, for support."""

    reference: str
    # The how many-th it was; what took the place of a lost checkout has the number of that one.
    number: int
    state: AttemptState
    began: datetime
    # Why it came to nothing, where that is known.
    reason: str | None


def get(reference: str, holder: Holder) -> Sitting:
    """Return a sitting to whoever may see it.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        SessionOverError: its time has passed, and it was not paid.
    """
    return _sitting(seen(reference, holder))


def summary(reference: str, merchant: Merchant) -> tuple[Sitting, list[AttemptLine]]:
    """Return a sitting of a merchant's buyer with its attempts, however long ago it was.

    Raises:
        NotFoundError: the merchant has no such sitting.
    """
    mine = (PaymentSession.reference == reference, PaymentLink.merchant_id == merchant.id)
    row = db.session.execute(_rows(*mine)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such session")
    made = db.session.execute(
        select(
            PaymentAttempt.reference,
            PaymentAttempt.number,
            PaymentAttempt.state,
            PaymentAttempt.created_at,
        )
        .where(PaymentAttempt.session_id == row.id)
        .order_by(PaymentAttempt.id)
    ).all()
    reasons = _reasons(row.link_id, [attempt.reference for attempt in made])
    return _sitting(row), [
        AttemptLine(
            attempt.reference,
            attempt.number,
            attempt.state,
            attempt.created_at,
            reasons.get(attempt.reference),
        )
        for attempt in made
    ]


def _reasons(link_id: int, attempts: list[str]) -> dict[str, str]:
    """Return why attempts came to nothing: in the provider's words, or why the sitting stopped."""
    why = PaymentEvent.detail["reason"].astext
    whose = func.coalesce(PaymentEvent.detail["attempt"].astext, PaymentEvent.subject)
    told = db.session.execute(
        select(whose.label("attempt"), why.label("reason"))
        .where(PaymentEvent.link_id == link_id, whose.in_(attempts), why != "")
        # What is told of the attempt itself comes last, and stays.
        .order_by(PaymentEvent.detail.has_key("attempt").desc(), PaymentEvent.version)
    )
    return {event.attempt: event.reason for event in told}


def active(merchant: Merchant, limit: int = 100) -> list[Sitting]:
    """Return the sittings of a merchant's buyers that are not over, the newest first."""
    query = _rows(
        PaymentLink.merchant_id == merchant.id,
        PaymentSession.state.in_(SESSION_OPEN),
        PaymentSession.expires_at > func.now(),
    )
    rows = db.session.execute(query.order_by(PaymentSession.id.desc()).limit(limit))
    return [_sitting(row) for row in rows]


def of_browser(link_id: int, token: str | None) -> Sitting | None:
    """Return the sitting that the browser with this token has, or had, at a link."""
    if token is None:
        return None
    row = db.session.execute(of_token(_rows(), link_id, token)).one_or_none()
    return None if row is None else _sitting(row)


def seen(reference: str, holder: Holder) -> Row[Any]:
    """Return what a sitting's holder may know; see `get`."""
    row = db.session.execute(_rows(PaymentSession.reference == reference)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such session")
    is_browser = holder.token is not None and (sessions.token_hash(holder.token) == row.token_hash)
    is_merchant = holder.merchant is not None and holder.merchant.id == row.merchant_id
    if not is_browser and not is_merchant:
        raise NotFoundError("there is no such session")
    if row.is_over and row.state is not SessionState.COMPLETED:
        raise SessionOverError
    return row


def one(session_id: int) -> Sitting:
    """Return a sitting to whoever has it already."""
    return _sitting(db.session.execute(_rows(PaymentSession.id == session_id)).one())


def of_token(query: Select[Any], link_id: int, token: str) -> Select[Any]:
    """Narrow a query to the one sitting at a link that ever had this token."""
    digest = sessions.token_hash(token)
    return query.where(PaymentSession.link_id == link_id, PaymentSession.token_hash == digest)


def _rows(*where: ColumnElement[bool]) -> Select[Any]:
    """Ask for all that is told of sittings: theirs, their link's, and the attempt in flight."""
    now = func.clock_timestamp()
    columns: list[Any] = [
        PaymentSession.id,
        PaymentSession.reference,
        PaymentSession.link_id,
        PaymentSession.token_hash,
        PaymentSession.state,
        PaymentSession.interruption,
        PaymentSession.attempt_count,
        PaymentSession.expires_at,
        (PaymentSession.expires_at <= now).label("is_over"),
        PaymentLink.code,
        PaymentLink.merchant_id,
        PaymentLink.state.label("link_state"),
        PaymentLink.paid_at.is_not(None).label("was_paid"),
        and_(
            PaymentLink.state == LinkState.OPEN,
            PaymentLink.closing_for.is_(None),
            PaymentLink.expires_at > now,
        ).label("is_payable"),
        PaymentAttempt.state.label("attempt_state"),
        (PaymentAttempt.session_id == PaymentSession.id).label("is_own"),
        PaymentAttempt.checkout_url.is_not(None).label("has_url"),
        func.extract("epoch", now - waits.since()).label("waited_s"),
    ]
    return (
        select(*columns)
        .join(PaymentLink, PaymentLink.id == PaymentSession.link_id)
        .join(
            PaymentAttempt,
            and_(
                PaymentAttempt.link_id == PaymentLink.id,
                PaymentAttempt.is_current,
                PaymentAttempt.state.in_(MAY_HOLD_MONEY),
            ),
            isouter=True,
        )
        .where(*where)
    )


def _sitting(row: Row[Any]) -> Sitting:
    state = _state(row)
    is_interrupted = state is SessionState.INTERRUPTED
    interruption = row.interruption if is_interrupted else None
    return Sitting(
        reference=row.reference,
        link_id=row.link_id,
        code=row.code,
        state=state,
        attempt_count=row.attempt_count,
        max_attempts=settings.session_max_attempts,
        expires_at=row.expires_at,
        can_resume=state in SESSION_OPEN and row.is_payable and _leads_somewhere(row, state),
        message=session_words.sentence(
            state,
            interruption=interruption,
            is_starting=bool(row.is_own) and row.attempt_state is AttemptState.CREATED,
            count=row.attempt_count,
            most=settings.session_max_attempts,
        ),
        interruption=interruption,
    )


def _state(row: Row[Any]) -> SessionState:
    """Return how a sitting stands for everybody: it is paid when its link is, and no sooner.

    Money that came in may be too little, or too late: then a person has to accept it first.
    """
    state: SessionState = row.state
    if state in SESSION_OPEN and row.is_over:  # whether the sweep has said so or not
        return SessionState.EXPIRED
    if state is SessionState.COMPLETED and not row.was_paid:
        is_undecided = row.link_state is LinkState.REVIEW
        return SessionState.PROCESSING if is_undecided else SessionState.CANCELED
    return state


def _leads_somewhere(row: Row[Any], state: SessionState) -> bool:
    """Say whether an open sitting at a payable link can go on now; `resume` does the same."""
    has_left: bool = row.attempt_count < settings.session_max_attempts
    if row.attempt_state is None:
        return has_left and state is not SessionState.PROCESSING
    if row.is_own and row.has_url:
        return True
    is_left = row.is_own and state is SessionState.INTERRUPTED
    return has_left and (is_left or row.waited_s >= settings.start_timeout_s)
