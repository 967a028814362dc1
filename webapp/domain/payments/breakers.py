"""Breakers: what is known of a provider account that gives no answers, for every process to see.

The account's attempts rest by their own clocks (see `check_leases.postpone_others`). What is kept
here says so to people: since when, until when, and why; and it tells the operator once.
"""

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, select, update

from webapp.domain.messages import alerts
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import PaymentAttempt, ProviderAccount
from webapp.providers.base import Unreadable

logger = structlog.get_logger(__name__)

ALERT_KIND: Final = "provider_unreachable"

# One answer that is missing is no outage: somebody is told from the second rest on.
_RESTS_UNTIL_TOLD: Final = 2


def trip(account_id: int, read: Unreadable, *, seconds: float) -> None:
    """Note that an account rests for so many seconds, and why; tell of it if it goes on."""
    with transaction():
        account = db.session.scalars(
            update(ProviderAccount)
            .where(ProviderAccount.id == account_id)
            .values(
                failures=ProviderAccount.failures + 1,
                failing_since=func.coalesce(ProviderAccount.failing_since, func.now()),
                rests_until=func.now() + timedelta(seconds=seconds),
                last_failure=read.reason[:200],
            )
            .returning(ProviderAccount)
            .execution_options(populate_existing=True, synchronize_session=False)
        ).one()
        if account.failures >= _RESTS_UNTIL_TOLD:
            _tell(account, read)
    logger.warning("account_rests", account_id=account_id, seconds=seconds, reason=read.reason)


def heal(account_id: int) -> None:
    """Note that an account answers again: its failures are forgotten, and the alert ends."""
    with transaction():
        healed = db.session.scalar(
            update(ProviderAccount)
            .where(ProviderAccount.id == account_id, ProviderAccount.failing_since.is_not(None))
            .values(failures=0, failing_since=None, rests_until=None, last_failure=None)
            .returning(ProviderAccount.id)
            .execution_options(synchronize_session=False)
        )
        if healed is not None:
            _forget_failures(account_id)
            alerts.end(ALERT_KIND, _subject(account_id))
            logger.info("account_answers_again", account_id=account_id)


def _forget_failures(account_id: int) -> None:
    """Let the counts of the account's attempts begin anew. Their clocks stay: it may ask to wait.

    Otherwise the next lost answer would make another long rest of an outage that is over, and
    buyers who wait could not ask.
    """
    failing = (
        select(PaymentAttempt.id)
        .where(
            PaymentAttempt.provider_account_id == account_id, PaymentAttempt.unreadable_count > 0
        )
        .with_for_update(skip_locked=True)
        .cte("failing")
    )
    db.session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.id == failing.c.id)
        .values(unreadable_count=0)
        .execution_options(synchronize_session=False)
    )


def _tell(account: ProviderAccount, read: Unreadable) -> None:
    name = f"{account.provider} {account.external_account}"
    if read.is_unauthorised:
        headline = f"Key Not Accepted - {name}"
        remedy = "Its key was revoked or replaced: enter the new one at the desk, under Account."
    else:
        headline = f"Provider Not Answering - {name}"
        remedy = "It is asked again by itself, ever less often, at least every five minutes."
    alerts.raise_once(
        "alert",
        ALERT_KIND,
        subject=_subject(account.id),
        headline=headline,
        body=(
            f"{name} cannot be read: {read.reason}. {remedy} No link that could have been paid "
            "expires meanwhile, and what was paid is found as soon as it answers."
        ),
        merchant_id=account.merchant_id,
        path="/desk/account",
    )


def _subject(account_id: int) -> str:
    return f"account-{account_id}"
