"""Asking by hand: somebody wants to know now whether an order was paid."""

import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, or_, select

from webapp import jobs
from webapp.core.errors import NotFoundError
from webapp.core.public_status import LINK_STATUS
from webapp.core.states import LINK_ENDED, LinkState
from webapp.domain import paced
from webapp.domain.payments import check_leases, verification, waiting
from webapp.domain.payments.conclusions import Conclusion
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import Capture, Merchant, PaymentAttempt, PaymentLink, ProviderAccount
from webapp.providers.base import Missing, Unreadable

# A double click is one wish.
_BUTTON_EVERY_S: Final = 5

# Each may hold a web thread for as long as a provider is waited for: not all of them at once.
_MOST_OF_A_MERCHANT: Final = 30

_WAITING: Final = "The provider has not answered yet: it is asked again by itself"


@dataclass(frozen=True)
class Answer:
    """How an order stands. `is_verified`: its provider said so, and not only that nobody asked."""

    link: PaymentLink
    is_verified: bool
    # Somebody is still to answer: ask again in some seconds.
    is_pending: bool
    message: str


def now(merchant: Merchant, name: str, *, actor: str) -> Answer:
    """Ask the provider about an order, settle what it says, and return how the order stands.

    Args:
        merchant: whose it is.
        name: its reference or code, an attempt's reference, or what the provider calls its
            checkout, order or payment.
        actor: who asks, for the audit trail.

    Raises:
        NotFoundError: the merchant has no such order.
        TooOftenError: it, or all of the merchant's, were asked for too often within a minute.
    """
    link_id, providers = _watched(merchant, name)
    _pace(link_id)
    paced.count({f"paced:verify-of:{merchant.id}": _MOST_OF_A_MERCHANT}, within_s=60)
    ends_at = time.monotonic() + settings.verify_within_s
    is_pending, is_missing, is_read = False, False, False
    for reference, provider in providers.items():
        left_s = ends_at - time.monotonic()
        conclusion = None
        if left_s > 0:
            step_outside()
            conclusion = _read(reference, provider, actor=actor, within_s=left_s)
        if conclusion is None or isinstance(conclusion.read, Unreadable):
            is_pending = True
        elif conclusion.outcome is not Outcome.FOREIGN:
            is_missing = is_missing or isinstance(conclusion.read, Missing)
            is_read = True
    query = select(PaymentLink).where(PaymentLink.id == link_id)
    link = db.session.scalars(query.execution_options(populate_existing=True)).one()
    # "No such checkout" says nothing of one that could still be paid.
    is_pending = is_pending or (is_missing and link.may_hold_money)
    is_pending = is_pending and link.state in {LinkState.OPEN, *LINK_ENDED}
    return Answer(
        link,
        is_verified=is_read and not is_pending,
        is_pending=is_pending,
        message=_WAITING if is_pending else LINK_STATUS[link.state].sentence,
    )


def soon(merchant: Merchant, name: str) -> None:
    """Ask the provider about an order in the background, before all that is only due.

    Raises:
        NotFoundError: the merchant has no such order, or nothing of it is watched any more.
        TooOftenError: it was asked for moments ago, or too often within a minute.
    """
    link_id, providers = _watched(merchant, name)
    if not providers:
        raise NotFoundError("no payment of this order is watched any more")
    paced.count({f"paced:verify-button:{link_id}": 1}, within_s=_BUTTON_EVERY_S)
    _pace(link_id)
    with transaction() as after_commit:
        check_leases.ask_for(list(providers))
        after_commit(jobs.kick, jobs.JobName.VERIFICATION)


def _read(reference: str, provider: str, *, actor: str, within_s: float) -> Conclusion | None:
    """Read an attempt here; where too many wait for its provider already, leave it to a worker."""
    with waiting.room(provider) as may:
        if may:
            return verification.run_one(reference, actor=actor, within_s=within_s)
    jobs.check(reference)
    return None


def _pace(link_id: int) -> None:
    paced.count({f"paced:verify:{link_id}": settings.verify_per_minute}, within_s=60)


def _watched(merchant: Merchant, name: str) -> tuple[int, dict[str, str]]:
    """Return the order that a name means, and the providers of its attempts that can be read.

    The newest attempt comes first.
    """
    attempt = db.session.execute(
        select(PaymentAttempt.link_id, PaymentAttempt.id)
        .join(PaymentLink, PaymentLink.id == PaymentAttempt.link_id)
        .where(
            PaymentLink.merchant_id == merchant.id,
            or_(
                PaymentAttempt.reference == name,
                PaymentAttempt.checkout_id == name,
                PaymentAttempt.order_id == name,
                PaymentAttempt.id.in_(
                    select(Capture.attempt_id).where(Capture.payment_reference == name)
                ),
            ),
        )
        .order_by(PaymentAttempt.id.desc())
        .limit(1)
    ).one_or_none()
    link_id = attempt.link_id if attempt is not None else None
    if link_id is None:
        query = select(PaymentLink.id).where(
            PaymentLink.merchant_id == merchant.id, PaymentLink.goes_by(name)
        )
        link_id = db.session.scalar(query)
    if link_id is None:
        raise NotFoundError("there is no such order")
    watched = (
        select(PaymentAttempt.reference, ProviderAccount.provider)
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(PaymentAttempt.link_id == link_id, PaymentAttempt.watch_until > func.now())
    )
    if attempt is not None:
        watched = watched.where(PaymentAttempt.id == attempt.id)
    rows = db.session.execute(watched.order_by(PaymentAttempt.id.desc()))
    return link_id, {row.reference: row.provider for row in rows}
