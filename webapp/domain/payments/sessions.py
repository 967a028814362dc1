"""Payment sessions: one buyer's sitting at a link, known by a cookie."""

import math
from datetime import timedelta

from itsdangerous import Signer
from sqlalchemy import func, select

from webapp.core import fingerprints, references
from webapp.core.errors import RetriesExhaustedError
from webapp.core.states import SESSION_OPEN, CaptureState, SessionState
from webapp.domain.transaction import database_now, lock, require_locked, transaction
from webapp.domain.transitions import transition_many
from webapp.extensions import db, settings
from webapp.models import Capture, PaymentAttempt, PaymentLink, PaymentSession

# Rows that one statement of the clean-up moves; small enough to keep nobody waiting.
_BATCH = 500


def new_token(code: str) -> str:
    """Return a token for the cookie of a browser that looks at a link and has none yet.

    It is given out with the page and not with the answer to "Pay": that answer may never arrive, or
    a double click may leave the browser with another one, and the buyer with a payment that is
    nobody's. The signature keeps out tokens that we did not make.
    """
    return _signer(code).sign(references.token()).decode()


def is_token(code: str, token: str | None) -> bool:
    """Whether we made this token for this link."""
    return token is not None and _signer(code).validate(token)


def start(link: PaymentLink, token: str | None) -> tuple[PaymentSession, str]:
    """Return the sitting of the browser that holds this token, or begin one; locked either way.

    A sitting that is over makes place for a new one. The caller holds the link's lock.

    Returns:
        The session, and the token for the buyer's cookie: it is nowhere else in clear.

    Raises:
        RetriesExhaustedError: the sitting has used its attempts, and its time is not over.
    """
    require_locked(link)
    if token is None or not is_token(link.code, token):
        token = new_token(link.code)
    elif (known := _locked(link, token)) is not None:
        left_s = (known.expires_at - database_now()).total_seconds()
        if left_s > 0 and known.state in SESSION_OPEN:
            return known, token
        if left_s > 0 and known.state is SessionState.FAILED_MAX_RETRIES:
            raise RetriesExhaustedError(math.ceil(left_s))
        token = new_token(link.code)
    session = PaymentSession(
        link=link,
        reference=reference_of(token),
        token_hash=token_hash(token),
        expires_at=database_now() + timedelta(seconds=settings.session_life_s),
    )
    db.session.add(session)
    db.session.flush()
    return session, token


def is_paying(link_id: int, token: str | None) -> bool:
    """Say whether the browser that holds this token has begun the link's current attempt."""
    if token is None:
        return False
    query = (
        select(PaymentSession.id)
        .join(PaymentAttempt, PaymentAttempt.session_id == PaymentSession.id)
        .where(
            PaymentAttempt.link_id == link_id,
            PaymentAttempt.is_current,
            PaymentSession.token_hash == token_hash(token),
        )
    )
    return db.session.scalar(query) is not None


def has_paid(link_id: int, token: str | None) -> bool:
    """Say whether the link was paid from the browser that holds this token.

    To have pressed "Pay" is not enough: whoever has the code can do that.
    """
    if token is None:
        return False
    query = (
        select(PaymentSession.id)
        .join(PaymentAttempt, PaymentAttempt.session_id == PaymentSession.id)
        .join(Capture, Capture.attempt_id == PaymentAttempt.id)
        .where(
            Capture.link_id == link_id,
            Capture.state == CaptureState.FULFILS,
            PaymentSession.token_hash == token_hash(token),
        )
    )
    return db.session.scalar(query.limit(1)) is not None


def buyer_email(link_id: int, token: str | None) -> str | None:
    """Return the address that the browser with this token gave at a link: its own to read again."""
    if token is None:
        return None
    query = select(PaymentSession.buyer_email).where(
        PaymentSession.link_id == link_id, PaymentSession.token_hash == token_hash(token)
    )
    return db.session.scalar(query)


def expire_due() -> int:
    """End sittings that are over, in batches. A session only: no checkout is closed by it."""
    ended = 0
    for state in sorted(SESSION_OPEN):
        while True:
            with transaction():
                moved = transition_many(
                    PaymentSession,
                    state,
                    SessionState.EXPIRED,
                    PaymentSession.expires_at <= func.now(),
                    actor="sweep:session_cleanup",
                    limit=_BATCH,
                )
            ended += moved
            if moved < _BATCH:
                break
    return ended


def token_hash(token: str) -> str:
    """Return what is stored of a token: enough to know it again, not enough to use it."""
    return fingerprints.of_random(token)


def reference_of(token: str) -> str:
    """Return the reference of the sitting that this token has, or will have: they are one to one.

    It is shown, and nobody gets from it to the token.
    """
    return references.session_reference(token)


def _locked(link: PaymentLink, token: str) -> PaymentSession | None:
    """Lock the one sitting that ever had this token, if there is one."""
    mine = (PaymentSession.link_id == link.id, PaymentSession.token_hash == token_hash(token))
    known = db.session.scalar(select(PaymentSession.id).where(*mine))
    return None if known is None else lock(PaymentSession, PaymentSession.id == known)


def _signer(code: str) -> Signer:
    return Signer(settings.secret_key.get_secret_value(), salt=f"sitting:{code}")
