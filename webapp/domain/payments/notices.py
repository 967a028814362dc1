"""Provider notices: stored once, and turned into a wish to read. They decide nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from webapp import jobs
from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.domain.messages import patterns
from webapp.domain.payments import accounts, reversals
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt, ProviderNotice
from webapp.providers.base import Hint, UnauthenticNoticeError

logger = structlog.get_logger(__name__)

# Long enough to read a provider that is away at the moment it told us.
_WATCHED_AGAIN_FOR = timedelta(days=1)


def receive(
    provider: str,
    token: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    reference: str | None = None,
) -> bool:
    """Take in one notice: authenticate the raw body, store it once, pull the next read forward.

    Args:
        provider: from the address it was sent to.
        token: the unguessable part of that address.
        headers: with names in small letters.
        body: as it came.
        reference: the attempt's, where the address was made for one checkout. Our row is older than
            the checkout, so such a notice is never ahead of it.

    Returns:
        Whether it was news.

    Raises:
        NotFoundError: no account has this token, or an unsigned notice is about nothing of ours:
            a provider that does not sign is to send it again.
        UnauthenticNoticeError: it was not signed by the provider.
        MalformedNoticeError: it is signed and makes no sense.
    """
    account = accounts.by_hook_token(provider, token)
    account_id = account.id  # asked of the row again inside the transaction, it would be read again
    try:
        hint = accounts.connection(account).notice(headers, body, clock.now())
    except UnauthenticNoticeError:
        patterns.note_refused_notice(account)
        raise
    if reference is not None:
        hint = replace(hint, reference=reference)
    with transaction() as after_commit:
        attempt_id = _pull_forward(account_id, hint)
        if attempt_id is None and not hint.is_signed:
            raise NotFoundError("there is no such checkout")
        named = hint.reference or hint.checkout_id
        if attempt_id is None and named is not None:
            patterns.note_unknown_checkout(account, hint.kind, named)
        row = insert(ProviderNotice).values(
            provider_account_id=account_id,
            dedupe_key=hint.dedupe_key[:200],
            kind=hint.kind[:100],
            attempt_id=attempt_id,
        )
        stored = db.session.scalar(row.on_conflict_do_nothing().returning(ProviderNotice.id))
        if attempt_id is not None:
            after_commit(jobs.kick, jobs.JobName.VERIFICATION)
            if reversals.look_soon(attempt_id):
                after_commit(jobs.kick, jobs.JobName.REFUNDS)
    logger.info(
        "notice_received",
        provider=provider,
        kind=hint.kind[:100],
        attempt=hint.reference,
        is_news=stored is not None,
        is_known=attempt_id is not None,
    )
    return stored is not None


def _pull_forward(account_id: int, hint: Hint) -> int | None:
    """Make the attempt due now; return its id, or None when we never made such a checkout."""
    for name in _names(account_id, hint):
        attempt_id = db.session.scalar(
            update(PaymentAttempt)
            .where(PaymentAttempt.provider_account_id == account_id, name)
            .values(
                next_check_at=func.now(),
                asked_at=func.now(),
                # Also where the watch is over: who tells us something is worth a read.
                watch_until=func.greatest(
                    PaymentAttempt.watch_until, func.now() + _WATCHED_AGAIN_FOR
                ),
            )
            .returning(PaymentAttempt.id)
            .execution_options(synchronize_session=False)
        )
        if attempt_id is not None:
            return attempt_id
    return None


def _names(account_id: int, hint: Hint) -> Iterator[ColumnElement[bool]]:
    """Name the attempt that a notice is about: by our name for it, by theirs, by its money's."""
    if hint.reference is not None:
        named = PaymentAttempt.reference == hint.reference
        if not hint.is_signed and hint.checkout_id is not None:
            # Anybody who learned the address may make up ids, and each would be stored.
            same = PaymentAttempt.checkout_id == hint.checkout_id
            named &= or_(PaymentAttempt.checkout_id.is_(None), same)
        yield named
    if hint.checkout_id is not None:
        yield PaymentAttempt.checkout_id == hint.checkout_id
    if hint.payment_reference is not None:
        taken = select(Capture.attempt_id).where(
            Capture.provider_account_id == account_id,
            Capture.payment_reference == hint.payment_reference,
        )
        yield PaymentAttempt.id.in_(taken)
