"""Payment sessions: one buyer's sitting at a link, known by a cookie."""

import hashlib
from datetime import timedelta

from sqlalchemy import func, select

from webapp.core import references
from webapp.core.states import SESSION_OPEN, SessionState
from webapp.domain.transaction import database_now, lock, require_locked, transaction
from webapp.domain.transitions import transition_many
from webapp.extensions import db, settings
from webapp.models import PaymentLink, PaymentSession

# Rows that one statement of the clean-up moves; small enough to keep nobody waiting.
_BATCH = 500


def start(link: PaymentLink, token: str | None) -> tuple[PaymentSession, str]:
    """Return the sitting of the browser that holds this token, or begin one; locked either way.

    A sitting that is over, or has used up its attempts, makes place for a new one. The caller holds
    the link's lock.

    Returns:
        The session, and the token for the buyer's cookie: it is nowhere else in clear.
    """
    require_locked(link)
    if token is not None:
        known = db.session.scalar(
            select(PaymentSession.id).where(
                PaymentSession.link_id == link.id,
                PaymentSession.token_hash == token_hash(token),
                PaymentSession.state.in_(SESSION_OPEN),
                PaymentSession.expires_at > func.now(),
                PaymentSession.attempt_count < settings.session_max_attempts,
            )
        )
        if known is not None:
            return lock(PaymentSession, PaymentSession.id == known), token
    token = references.token()
    session = PaymentSession(
        link=link,
        token_hash=token_hash(token),
        expires_at=database_now() + timedelta(seconds=settings.session_life_s),
    )
    db.session.add(session)
    db.session.flush()
    return session, token


def is_buyers(link_id: int, token: str | None) -> bool:
    """Say whether the browser that holds this token has sat at this link."""
    if token is None:
        return False
    query = select(PaymentSession.id).where(
        PaymentSession.link_id == link_id, PaymentSession.token_hash == token_hash(token)
    )
    return db.session.scalar(query.limit(1)) is not None


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
    return hashlib.sha256(token.encode()).hexdigest()
