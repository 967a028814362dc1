"""Sittings: begun, gone on with, left. Whoever asks shows its token, or is the merchant."""

import contextlib
import math
import uuid
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from webapp import jobs
from webapp.core.errors import (
    LinkNotPayableError,
    RetriesExhaustedError,
    SessionOverError,
)
from webapp.core.states import MAY_HOLD_MONEY, SESSION_OPEN, AttemptState, LinkState, SessionState
from webapp.domain.payments import (
    attempts,
    checkouts,
    closing,
    sessions,
    starts,
    verification,
    waiting,
)
from webapp.domain.payments.checkouts import Asked, Begun
from webapp.domain.payments.sitting_views import (
    AttemptLine,
    Holder,
    Sitting,
    active,
    get,
    of_browser,
    of_token,
    one,
    seen,
    summary,
)
from webapp.domain.transaction import database_now, lock, step_outside, transaction
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import (
    PaymentAttempt,
    PaymentLink,
    PaymentSession,
    ProviderAccount,
)

__all__ = [
    "AttemptLine",
    "Holder",
    "Resumed",
    "Sitting",
    "active",
    "begin",
    "cancel",
    "complete",
    "get",
    "leave",
    "of_browser",
    "resume",
    "summary",
]


@dataclass(frozen=True)
class Resumed:
    """What came of going on. `url` is where the buyer pays; None where a worker is still busy."""

    sitting: Sitting
    url: str | None
    was_refused: bool


def begin(name: str, *, token: str | None, buyer_email: str | None) -> tuple[Sitting, str]:
    """Sit down at a link; a sitting of the same browser that is open is returned again.

    Args:
        name: the link's public id, code or reference.
        token: from the buyer's cookie, if there is one.
        buyer_email: where the tickets go; may be said later.

    Returns:
        The sitting, and the token for the buyer's cookie.

    Raises:
        NotFoundError: there is no such link.
        LinkNotPayableError: it is not open, has passed its end or is being ended.
        RetriesExhaustedError: this browser has used its attempts, and must wait.
        InvalidInputError: the address is wrong.
    """
    names = [PaymentLink.goes_by(name)]
    with contextlib.suppress(ValueError):
        names.append(PaymentLink.public_id == uuid.UUID(name))
    with transaction():
        link = lock(PaymentLink, or_(*names), PaymentLink.state != LinkState.DRAFT)
        _require_payable(link)
        session, token = sessions.start(link, token)
        if buyer_email and link.buyer_email is None:
            checkouts.note_email(session, buyer_email)
        session_id = session.id
    return one(session_id), token


def resume(
    reference: str, holder: Holder, *, buyer_email: str | None = None, client: str = ""
) -> Resumed:
    """Go on with a sitting: begin its next attempt, or say where the one in flight is paid.

    Where an attempt is in flight and nobody can be sent to it, a worker closes and reads it first.

    Args:
        reference: the sitting's.
        holder: who asks.
        buyer_email: where the tickets go; needed where neither link nor sitting say it.
        client: the network address of the buyer's browser, where it is known. It is not kept.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        SessionOverError: its time has passed, and it was not paid.
        InvalidInputError: the address is needed, and missing or wrong.
        LinkNotPayableError: the link does not take a payment now, or the sitting was ended.
        PaymentInFlightError: a payment could be on its way, and may not be left yet.
        RetriesExhaustedError: all attempts are used.
        AccountNotConnectedError: the merchant's account takes no payments.
    """
    sitting = seen(reference, holder)
    actor = _actor(holder)
    begun: Begun | None = None
    asked = Asked(None, was_refused=False)
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == sitting.link_id)
        session = lock(PaymentSession, PaymentSession.id == sitting.id)
        _require_going_on(session)
        _require_payable(link)
        attempt = attempts.current(link)
        if link.closing_for is not None:
            pass  # a worker is busy with the attempt before
        elif attempt is None or attempt.state not in MAY_HOLD_MONEY:
            begun = checkouts.begin(
                link, session, buyer_email=buyer_email, client=client, actor=actor
            )
        elif attempt.session_id != session.id:
            starts.leave(link, attempt, is_own=False, actor=actor)
        elif attempt.checkout_url is not None:
            asked = Asked(attempt.checkout_url, was_refused=False)
        elif starts.may_leave(attempt, is_own=True):
            starts.leave(link, attempt, is_own=True, actor=actor)
    if begun is not None:
        asked = checkouts.ask(begun, actor=actor)
    return Resumed(one(sitting.id), asked.url, asked.was_refused)


def complete(reference: str, holder: Holder) -> Sitting:
    """Ask the provider whether it was paid; return how the sitting stands. It makes nothing paid.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        SessionOverError: its time has passed, and it was not paid.
    """
    sitting = seen(reference, holder)
    last_read_s = func.extract("epoch", func.now() - PaymentAttempt.last_read_at)
    attempt = db.session.execute(
        select(PaymentAttempt.reference, ProviderAccount.provider, last_read_s.label("last_read_s"))
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(
            PaymentAttempt.session_id == sitting.id,
            PaymentAttempt.state != AttemptState.SUCCEEDED,
            PaymentAttempt.watch_until > func.now(),
        )
        .order_by(PaymentAttempt.id.desc())
        .limit(1)
    ).one_or_none()
    step_outside()
    was_just_read = (
        attempt is not None
        and attempt.last_read_s is not None
        and attempt.last_read_s < settings.check_ask_every_s
    )
    if attempt is not None and not was_just_read:
        _read(attempt.reference, attempt.provider, actor=_actor(holder))
    return one(sitting.id)


def cancel(reference: str, holder: Holder) -> Sitting:
    """End a sitting. The link stays open; a checkout that could be paid is closed by a worker.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        SessionOverError: its time has passed, and it was not paid.
    """
    sitting = seen(reference, holder)
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == sitting.link_id)
        session = lock(PaymentSession, PaymentSession.id == sitting.id)
        _end(link, session, actor=_actor(holder))
    return one(sitting.id)


def leave(code: str, token: str | None) -> None:
    """End this browser's sitting at a link, if it has one; see `cancel`.

    Raises:
        NotFoundError: there is no such link.
    """
    if token is None:
        return
    with transaction():
        link = lock(PaymentLink, PaymentLink.code == code, PaymentLink.state != LinkState.DRAFT)
        query = of_token(select(PaymentSession.id), link.id, token)
        session_id = db.session.scalar(query)
        if session_id is not None:
            session = lock(PaymentSession, PaymentSession.id == session_id)
            _end(link, session, actor=checkouts.ACTOR)


def _require_going_on(session: PaymentSession) -> None:
    left_s = (session.expires_at - database_now()).total_seconds()
    if left_s <= 0 and session.state is not SessionState.COMPLETED:
        raise SessionOverError
    if session.state is SessionState.FAILED_MAX_RETRIES:
        raise RetriesExhaustedError(math.ceil(left_s))
    if session.state not in SESSION_OPEN:
        raise LinkNotPayableError("this session has ended")


def _require_payable(link: PaymentLink) -> None:
    """Refuse what has ended or is being ended; only the attempt before may be being closed."""
    is_open = link.state is LinkState.OPEN and link.expires_at > database_now()
    if not is_open or link.closing_for not in {None, closing.RETRY}:
        raise LinkNotPayableError("this link does not take a payment now")


def _end(link: PaymentLink, session: PaymentSession, *, actor: str) -> None:
    """End a sitting and have its attempt in flight closed; the caller holds both locks.

    At the link's end it is closed anyway. Money that still comes is accepted.
    """
    if session.state in SESSION_OPEN:
        transition(session, SessionState.CANCELED, actor=actor)
    attempt = attempts.current(link)
    is_in_flight = (
        link.state is LinkState.OPEN
        and link.expires_at > database_now()
        and attempt is not None
        and attempt.session_id == session.id
        and attempt.state in MAY_HOLD_MONEY
    )
    if is_in_flight and link.closing_for is None:
        closing.ask(link, closing.RETRY, actor=actor)


def _read(reference: str, provider: str, *, actor: str) -> None:
    """Read an attempt here; where too many wait for its provider already, a worker does."""
    with waiting.room(provider) as may:
        if may:
            verification.run_one(reference, actor=actor, within_s=settings.verify_within_s)
            return
    jobs.check(reference)


def _actor(holder: Holder) -> str:
    if holder.actor is not None:
        return holder.actor
    return checkouts.ACTOR if holder.merchant is None else "merchant"
