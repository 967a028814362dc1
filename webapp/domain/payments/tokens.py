"""Access tokens of consents, renewed in time: by one worker at once, and never under a lock.

SumUp's token lives an hour. A renewal may end the refresh token that it was asked with, so two at
once, or an answer that nobody writes down, would cost the merchant's consent. Whoever renews holds
a lease on the account; what came is written down while the lease is still theirs, and tokens that
come later only where nothing newer is stored. An account's lease also says when it may be renewed
again: after a failure it runs on for a while.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, func, or_, select, update

from webapp.core import references
from webapp.core.states import AccountState
from webapp.domain.budget import Budget
from webapp.domain.messages import alerts
from webapp.domain.payments import accounts, consents, credentials
from webapp.domain.transaction import database_now, lock, step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import ProviderAccount
from webapp.providers import http, sumup_oauth
from webapp.providers.base import CheckoutRequest, Creation, Refused, Unanswered, Unreadable
from webapp.providers.connection import Connection
from webapp.providers.sumup_oauth import Dead, TokenAnswer, Tokens

logger = structlog.get_logger(__name__)

# A token that ends within this is renewed: enough for a provider that is away for a while.
_AHEAD: Final = timedelta(minutes=15)

# After a renewal, whatever it brought, the next one waits so long: a provider that refuses fresh
# tokens is not asked for more and more of them.
_REST_S: Final = 60
_LONGEST_REST_S: Final = 600

# Whoever presses "Pay" has an answer by then. A renewal that has begun is not cut short, so it must
# begin in time, or be left to a worker.
_ANSWERED_WITHIN_S: Final = 15

# Longer than a call may take, with time to write down what it brought.
_LEASE_MARGIN_S: Final = 60


@dataclass
class Summary:
    """What one run found. `failed` will be tried again; `lost` needs the merchant."""

    renewed: int = 0
    failed: int = 0
    lost: int = 0


@dataclass(frozen=True)
class _Lease:
    account_id: int
    token: str = field(repr=False)
    # None where our own row cannot be used.
    refresh_token: str | None = field(repr=False)


def renew_due(budget: Budget) -> Summary:
    """Renew every token that ends soon, one after the other."""
    summary = Summary()
    while not budget.is_spent:
        is_due = ProviderAccount.token_expires_at <= func.now() + _AHEAD
        lease = _take(
            is_due, or_(ProviderAccount.state != AccountState.DISCONNECTED, accounts.is_watched())
        )
        if lease is None:
            break
        budget.rows -= 1
        match _renew(lease):
            case Tokens():
                summary.renewed += 1
            case Dead():
                summary.lost += 1
            case _:
                summary.failed += 1
    return summary


def note_unauthorised(account_id: int) -> None:
    """Note that a provider did not take an account's token: it is renewed at the next turn.

    Nothing happens to an account with a key of its own.
    """
    with transaction():
        db.session.execute(
            update(ProviderAccount)
            .where(ProviderAccount.id == account_id, ProviderAccount.token_expires_at > func.now())
            .values(token_expires_at=func.now())
            .execution_options(synchronize_session=False)
        )


def create(
    account_id: int, connection: Connection, request: CheckoutRequest, *, timeout_s: float
) -> Creation:
    """Ask for a checkout, with a token that is good. The caller is outside every transaction.

    A token that is over, or that the provider does not take, is renewed first, unless that has
    happened meanwhile, and then the request is sent once more. Where that is not possible at the
    moment the attempt does not end: nobody knows what becomes of it, and the verification will find
    out.

    Args:
        account_id: whose connection it is.
        connection: the way to its provider.
        request: the very same request that was stored.
        timeout_s: how long all of it may take, in seconds.
    """
    if "refresh_token" not in connection.access.secrets:
        return connection.create(request, timeout_s=timeout_s)
    began = time.monotonic()
    if not _is_over(account_id):
        creation = connection.create(request, timeout_s=timeout_s)
        if not (isinstance(creation, Refused) and creation.is_unauthorised):
            return creation
        if _connection(account_id).access.secrets == connection.access.secrets:
            note_unauthorised(account_id)
        if time.monotonic() - began > _ANSWERED_WITHIN_S - settings.provider_timeout_s:
            return _not_now(account_id)
    is_renewed = _renew_now(account_id)
    left_s = began + timeout_s - time.monotonic()
    if not is_renewed or left_s <= 0:
        return _not_now(account_id)
    return _connection(account_id).create(request, timeout_s=left_s)


def _is_over(account_id: int) -> bool:
    query = select(ProviderAccount.token_expires_at <= func.now())
    is_over = bool(db.session.scalar(query.where(ProviderAccount.id == account_id)))
    step_outside()
    return is_over


def _renew_now(account_id: int) -> bool:
    """Renew a token that is over, unless somebody has done so or is just doing it.

    The buyer's patience does not cut it short: a lost answer could cost the consent.

    Returns:
        Whether the account's token is a good one now, as far as we know.
    """
    is_over = ProviderAccount.token_expires_at <= func.now()
    lease = _take(ProviderAccount.id == account_id, is_over)
    if lease is not None:
        return isinstance(_renew(lease), Tokens)
    return not _is_over(account_id)


def _not_now(account_id: int) -> Creation:
    query = select(ProviderAccount.consent_lost_at).where(ProviderAccount.id == account_id)
    is_lost = db.session.scalar(query) is not None
    step_outside()
    if is_lost:
        return Refused(
            "not authorised: the merchant's consent is needed anew", is_unauthorised=True
        )
    return Unanswered("not authorised: the token could not be renewed yet")


def _connection(account_id: int) -> Connection:
    query = select(ProviderAccount).where(ProviderAccount.id == account_id)
    account = db.session.scalars(query.execution_options(populate_existing=True)).one()
    connection = accounts.connection(account)
    step_outside()
    return connection


def _is_free() -> ColumnElement[bool]:
    return or_(
        ProviderAccount.refresh_lease_until.is_(None),
        ProviderAccount.refresh_lease_until < func.now(),
    )


def _take(*where: ColumnElement[bool]) -> _Lease | None:
    """Lease the account whose token ends first, so that nobody else renews it meanwhile."""
    token = references.token()
    first = (
        select(ProviderAccount.id)
        .where(*where, ProviderAccount.consent_lost_at.is_(None), _is_free())
        .order_by(ProviderAccount.token_expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("first")
    )
    lasts_s = settings.provider_timeout_s + _LEASE_MARGIN_S
    with transaction():
        account = db.session.scalar(
            update(ProviderAccount)
            .where(ProviderAccount.id == first.c.id)
            .values(
                refresh_lease_token=token,
                refresh_lease_until=func.now() + timedelta(seconds=lasts_s),
            )
            .returning(ProviderAccount)
            .execution_options(populate_existing=True, synchronize_session=False)
        )
        if account is None:
            return None
        try:
            refresh_token = credentials.unseal(account.credentials).get("refresh_token")
        except InvalidToken:
            logger.error("credentials_unusable", account_id=account.id)  # noqa: TRY400  # no key
            refresh_token = None
    return _Lease(account.id, token, refresh_token)


def _renew(lease: _Lease) -> TokenAnswer | None:
    """Ask for new tokens and write them down; None when the lease was lost meanwhile."""
    step_outside()
    answer = _ask(lease.refresh_token)
    with transaction():
        account = lock(ProviderAccount, ProviderAccount.id == lease.account_id)
        is_ours = account.refresh_lease_token == lease.token
        if not is_ours and not _is_awaited(account, lease, answer):
            logger.warning("token_lease_lost", account_id=lease.account_id)
            return None
        match answer:
            case Tokens():
                _put(account, answer, lease)
            case Dead(reason):
                _lose(account, reason)
            case Unreadable(reason, retry_after_s):
                rest_s = min(max(retry_after_s or 0, _REST_S), _LONGEST_REST_S)
                account.refresh_lease_until = database_now() + timedelta(seconds=rest_s)
                logger.warning("token_not_renewed", account_id=account.id, reason=reason)
    return answer


def _is_awaited(account: ProviderAccount, lease: _Lease, answer: TokenAnswer) -> bool:
    """Whether tokens that come late are the only ones there are: nothing newer is stored.

    To throw them away would cost the consent.
    """
    stored = credentials.salvage(account.credentials).get("refresh_token")
    return isinstance(answer, Tokens) and stored is not None and stored == lease.refresh_token


def _ask(refresh_token: str | None) -> TokenAnswer:
    if refresh_token is None:
        return Unreadable("the account's credentials cannot be used")
    if not consents.is_offered():
        return Unreadable("SUMUP_CLIENT_ID is not set here any more")
    request = sumup_oauth.build_refresh(consents.application(), refresh_token)
    try:
        answer = http.send(request, timeout_s=settings.provider_timeout_s)
    except http.NoAnswerError as error:
        return Unreadable(str(error), is_silent=True)
    return sumup_oauth.parse_refresh(answer, refresh_token)


def _put(account: ProviderAccount, tokens: Tokens, lease: _Lease) -> None:
    now = database_now()
    secrets = credentials.unseal(account.credentials)
    fresh = {"api_key": tokens.access_token, "refresh_token": tokens.refresh_token}
    account.credentials = credentials.seal({**secrets, **fresh})
    accounts.put_expiry(account, now + timedelta(seconds=tokens.expires_in_s))
    # Ours again: whoever else asked meanwhile did it with what this answer may have ended.
    account.refresh_lease_token = lease.token
    account.refresh_lease_until = now + timedelta(seconds=_REST_S)
    logger.info("token_renewed", account_id=account.id, seconds=tokens.expires_in_s)


def _lose(account: ProviderAccount, reason: str) -> None:
    account.consent_lost_at = database_now()
    account.refresh_lease_token = account.refresh_lease_until = None
    alerts.raise_once(
        "critical",
        accounts.CONSENT_LOST,
        subject=account.subject,
        headline=f"SumUp wants the consent for {account.external_account} anew",
        body=(
            f"SumUp does not renew our leave to act for {account.external_account} ({reason}). No"
            " payment can be begun or verified there until an owner connects it again, at the"
            " desk under Account."
        ),
        merchant_id=account.merchant_id,
    )
