"""Suspicious patterns: what is ordinary once and an attack, or our mistake, when it heaps up.

What is a row is counted among the rows. What leaves none, or must not leave its origin, is counted
in Redis; with Redis away nothing is counted, and nothing else is any different.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import redis
import structlog
from sqlalchemy import func, select

from webapp.core import clock, fingerprints
from webapp.domain.messages import alerts
from webapp.domain.transaction import after_commit, transaction
from webapp.extensions import db, queue_redis, settings
from webapp.models import AttentionItem, Capture, Merchant, PaymentLink, ProviderAccount

logger = structlog.get_logger(__name__)

MISMATCHES_WITHIN: Final = timedelta(hours=1)
REFUSED_NOTICES_WITHIN_S: Final = 600
FAILED_ATTEMPTS_WITHIN_S: Final = 600

# Where an attempt was begun is forgotten after this: who tries cards does not wait for hours.
_ORIGIN_KEPT_S: Final = 3600


def note_mismatch(link: PaymentLink) -> None:
    """Alert where a merchant's mismatches heap up; in the transaction that has just added one."""
    # One after the other for each merchant: two that do not see each other would both count one
    # too few.
    key = func.hashtext(f"mismatches:{link.merchant_id}")
    db.session.execute(select(func.pg_advisory_xact_lock(key)))
    db.session.flush()
    orders = db.session.scalars(
        select(PaymentLink.reference)
        .join(AttentionItem, AttentionItem.link_id == PaymentLink.id)
        .where(
            AttentionItem.merchant_id == link.merchant_id,
            AttentionItem.kind == "mismatch",
            AttentionItem.raised_at > func.clock_timestamp() - MISMATCHES_WITHIN,
        )
        .order_by(AttentionItem.id)
    ).all()
    if len(orders) < settings.pattern_mismatches:
        return
    merchant = db.session.get_one(Merchant, link.merchant_id)
    alerts.raise_once(
        "critical",
        "pattern_mismatches",
        subject=merchant.slug,
        headline=f"{len(orders)} Mismatches Within an Hour - {merchant.name}",
        body=(
            "SUSPICIOUS PATTERN\n"
            f"{len(orders)} payments within an hour are not what was asked for.\n"
            f"Orders: {_listed(orders)}\n"
            "Look whether somebody changes what is paid, or whether the account at the provider "
            "is used for something else. Do NOT issue tickets until verified.\n"
        ),
        merchant_id=link.merchant_id,
        path="/desk/",
    )


def note_double_booking(link: PaymentLink, account_id: int, payments: Sequence[str]) -> None:
    """Alert that the provider names another order's payments for this one, in this transaction.

    Args:
        link: the order that was asked about.
        account_id: the provider account.
        payments: the provider's names of these payments.
    """
    others = db.session.scalars(
        select(PaymentLink.reference)
        .join(Capture, Capture.link_id == PaymentLink.id)
        .where(Capture.provider_account_id == account_id, Capture.payment_reference.in_(payments))
        .order_by(PaymentLink.id)
    ).all()
    alerts.raise_once(
        "critical",
        "pattern_double_booking",
        subject=f"{account_id}/{payments[0]}"[:200],
        headline=f"One Payment Named for Two Orders - Order {link.reference}",
        body=(
            "SUSPICIOUS PATTERN\n"
            f"Order: {link.reference}\n"
            f"The provider names {_listed(payments)} as its payment.\n"
            f"Booked already for: {_listed(others)}\n"
            "It was booked once, for the first. Ask the provider what the buyers of both paid.\n"
        ),
        merchant_id=link.merchant_id,
        path=f"/desk/links/{link.reference}",
    )


def note_unknown_checkout(account: ProviderAccount, kind: str, name: str) -> None:
    """Alert that an authentic notice tells of a checkout we never made, in this transaction.

    Args:
        account: whose address it came to.
        kind: what the notice calls itself.
        name: the reference or the checkout that it names.
    """
    alerts.raise_once(
        "critical",
        "pattern_unknown_checkout",
        subject=account.subject,
        headline=f"Notice of a Checkout We Never Made - {account.subject}",
        body=(
            "SUSPICIOUS PATTERN\n"
            f"The first such notice is {kind[:100]} of {name[:200]}.\n"
            "Somebody else takes payments through this account, or two installations share it. "
            "Look it up at the provider: money may have come in that no order knows of.\n"
        ),
        merchant_id=account.merchant_id,
    )


def note_refused_notice(account: ProviderAccount) -> None:
    """Count a notice that was not signed by the provider; alert where they heap up.

    Call it outside a transaction.
    """
    name = account.subject
    seen = _heap_up(
        f"refused-notices:{account.id}",
        clock.iso(clock.now()),
        limit=settings.pattern_refused_notices,
        within_s=REFUSED_NOTICES_WITHIN_S,
    )
    if not seen:
        return
    with transaction():
        alerts.raise_once(
            "critical",
            "pattern_refused_notices",
            subject=name,
            headline=f"{len(seen)} Refused Notices Within Ten Minutes - {name}",
            body=(
                "SUSPICIOUS PATTERN\n"
                f"{len(seen)} notices from {seen[0]} to {seen[-1]} were not signed by the "
                "provider.\n"
                "Somebody knows the address and tries to forge them, or the secret that they are "
                "signed with was changed at the provider. No notice decides anything: payments "
                "are read in any case, only later.\n"
            ),
            merchant_id=account.merchant_id,
        )


def remember_origin(attempt_reference: str, client: str) -> None:
    """Remember for an hour where an attempt was begun. The network address itself is not kept.

    Args:
        attempt_reference: the attempt.
        client: the network address of the buyer's browser; whatever is none is not remembered.
    """
    network = fingerprints.network(client)
    if not network:
        return
    origin = fingerprints.of(network, settings.secret_key.get_secret_value())
    try:
        queue_redis.set(_origin_key(attempt_reference), origin, ex=_ORIGIN_KEPT_S)
    except redis.RedisError as error:
        logger.warning("origin_not_remembered", reason=type(error).__name__)


def note_failed_attempt(attempt_reference: str) -> None:
    """Count an attempt that was declined or refused, once; alert where one origin's heap up.

    It is counted after the commit of the transaction that is open.
    """
    after_commit(_count_failed_attempt, attempt_reference)


def _count_failed_attempt(attempt_reference: str) -> None:
    origin = _take_origin(attempt_reference)
    if origin is None:
        return
    seen = _heap_up(
        f"failed-attempts:{origin}",
        attempt_reference,
        limit=settings.pattern_failed_attempts,
        within_s=FAILED_ATTEMPTS_WITHIN_S,
    )
    if not seen:
        return
    with transaction():
        alerts.raise_once(
            "critical",
            "pattern_failed_attempts",
            subject=f"network-{origin[:12]}",
            headline=f"{len(seen)} Failed Attempts Within Ten Minutes From One Address",
            body=(
                "SUSPICIOUS PATTERN\n"
                f"Attempts: {_listed(seen)}\n"
                "They were begun from one network address and all failed: somebody may be trying "
                "stolen cards. The web server's log knows the address.\n"
            ),
            merchant_id=None,
        )


def _heap_up(key: str, what: str, *, limit: int, within_s: int) -> list[str]:
    """Add one to a heap; return the heap, the oldest first, once it has grown to the limit in time.

    It begins anew then: who goes on for long costs one alert's count for each such heap.
    """
    now = clock.now().timestamp()
    try:
        with queue_redis.pipeline() as pipe:
            pipe.lpush(key, f"{now} {what}")
            pipe.ltrim(key, 0, limit - 1)
            pipe.expire(key, within_s)
            pipe.lrange(key, 0, -1)
            *_, raw = pipe.execute()
        lines = [line.decode().partition(" ") for line in reversed(raw)]
        seen = [said for at, _, said in lines if float(at) > now - within_s]
        if len(seen) < limit:
            return []
        queue_redis.delete(key)
    except redis.RedisError as error:
        logger.warning("pattern_not_counted", reason=type(error).__name__)
        return []
    return seen


def _take_origin(attempt_reference: str) -> str | None:
    key = _origin_key(attempt_reference)
    try:
        with queue_redis.pipeline() as pipe:
            pipe.get(key)
            pipe.delete(key)
            raw, _ = pipe.execute()
    except redis.RedisError as error:
        logger.warning("pattern_not_counted", reason=type(error).__name__)
        return None
    return None if raw is None else raw.decode()


def _origin_key(attempt_reference: str) -> str:
    return f"origin:{attempt_reference}"


def _listed(names: Sequence[str]) -> str:
    """Write out the first ten; a provider may name any number."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(name[:100] for name in names[:10]) + more
