"""A merchant's accounts at providers: their secrets, encrypted, and the connection made of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert

from webapp.core import references
from webapp.core.errors import AccountNotConnectedError, InvalidInputError, NotFoundError
from webapp.core.states import AccountState, RefundState
from webapp.domain.messages import alerts
from webapp.domain.payments import credentials
from webapp.domain.transaction import lock
from webapp.extensions import db, settings
from webapp.models import Capture, Merchant, PaymentAttempt, ProviderAccount, Refund
from webapp.providers.base import Access
from webapp.providers.connection import Connection
from webapp.providers.registry import ADAPTERS

# What an alert is about when a consent is worth nothing any more.
CONSENT_LOST: Final = "consent_lost"


def connect(
    merchant: Merchant,
    provider: str,
    external_account: str,
    *,
    is_live: bool,
    secrets: Mapping[str, str],
    options: Mapping[str, str] | None = None,
) -> ProviderAccount:
    """Write an account, in this transaction; one that is known gets the new secrets.

    It is locked, and keeps the address of its notices.

    Args:
        merchant: whose it is.
        provider: at which provider.
        external_account: its name there: a merchant has no two rows for one.
        is_live: whether it takes real money.
        secrets: what opens it.
        options: what is no secret; None leaves what is there.

    Raises:
        AccountNotConnectedError: there is no such provider here.
        InvalidInputError: the known one takes real money and this one does not, or the reverse.
    """
    if provider not in ADAPTERS or (provider == "sandbox" and not settings.sandbox_enabled):
        raise AccountNotConnectedError(f"the provider {provider!r} is not switched on here")
    db.session.execute(
        insert(ProviderAccount)
        .values(
            merchant_id=merchant.id,
            provider=provider,
            external_account=external_account,
            is_live=is_live,
            credentials=b"",
            hook_token=references.token(),
        )
        .on_conflict_do_nothing(index_elements=["merchant_id", "provider", "external_account"])
    )
    account = lock(
        ProviderAccount,
        ProviderAccount.merchant_id == merchant.id,
        ProviderAccount.provider == provider,
        ProviderAccount.external_account == external_account,
    )
    check_mode(account, is_live=is_live)
    put_secrets(account, secrets)
    if options is not None:
        account.options = dict(options)
    return account


def check_mode(account: ProviderAccount, *, is_live: bool | None) -> None:
    """Refuse a key that would turn pretend money into real money, or real into pretend.

    Raises:
        InvalidInputError: it would. None, where nobody knows, is let through.
    """
    if is_live is not None and is_live is not account.is_live:
        kinds = ("real", "pretend") if account.is_live else ("pretend", "real")
        raise InvalidInputError(
            "api_key",
            f"is for {kinds[1]} money, and this account is known to take {kinds[0]} money",
        )


def put_secrets(account: ProviderAccount, secrets: Mapping[str, str]) -> None:
    """Write new secrets; the caller holds the row's lock. With a key no consent is needed."""
    account.credentials = credentials.seal(secrets)
    if "refresh_token" not in secrets:
        put_expiry(account, None)


def put_expiry(account: ProviderAccount, token_expires_at: datetime | None) -> None:
    """Begin anew with a fresh consent, or with none; whoever is renewing the old one loses."""
    account.token_expires_at = token_expires_at
    account.consent_lost_at = None
    account.refresh_lease_token = account.refresh_lease_until = None
    alerts.end(CONSENT_LOST, account.subject)


def of_merchant(merchant: Merchant) -> list[ProviderAccount]:
    """Return all of a merchant's accounts as they are now, the oldest first."""
    query = select(ProviderAccount).where(ProviderAccount.merchant_id == merchant.id)
    fresh = query.order_by(ProviderAccount.id).execution_options(populate_existing=True)
    return list(db.session.scalars(fresh))


def get(merchant: Merchant, account_id: int) -> ProviderAccount:
    """Return one of a merchant's accounts as it is now.

    Raises:
        NotFoundError: it has none of this number.
    """
    query = select(ProviderAccount).where(
        ProviderAccount.merchant_id == merchant.id, ProviderAccount.id == account_id
    )
    account = db.session.scalar(query.execution_options(populate_existing=True))
    if account is None:
        raise NotFoundError("there is no such account")
    return account


def by_id(account_id: int) -> ProviderAccount:
    """Return an account as it is now, whosever it is: only for the operator's commands.

    Raises:
        NotFoundError: there is none of this number.
    """
    query = select(ProviderAccount).where(ProviderAccount.id == account_id)
    account = db.session.scalar(query.execution_options(populate_existing=True))
    if account is None:
        raise NotFoundError(f"there is no account {account_id}")
    return account


def of_provider(
    merchant: Merchant, provider: str, external_account: str | None = None
) -> ProviderAccount | None:
    """Return the merchant's account at a provider (the first, or the one of that name)."""
    query = select(ProviderAccount).where(
        ProviderAccount.merchant_id == merchant.id, ProviderAccount.provider == provider
    )
    if external_account is not None:
        query = query.where(ProviderAccount.external_account == external_account)
    return db.session.scalar(query.order_by(ProviderAccount.id).limit(1))


def active(merchant: Merchant) -> ProviderAccount:
    """Return the account that the merchant's next links are paid to.

    It is the one that was chosen last, or else the one that was connected first.

    Raises:
        AccountNotConnectedError: there is none.
    """
    account = db.session.scalar(
        select(ProviderAccount)
        .where(
            ProviderAccount.merchant_id == merchant.id,
            ProviderAccount.state == AccountState.ACTIVE,
        )
        .order_by(ProviderAccount.chosen_at.desc().nulls_last(), ProviderAccount.id)
        .limit(1)
    )
    if account is None:
        raise AccountNotConnectedError("connect an account at a payment provider first")
    return account


def currencies(merchant: Merchant) -> list[str]:
    """Return what the merchant's next links can ask for: EUR first, then by the alphabet.

    Raises:
        AccountNotConnectedError: there is no account to be paid to.
    """
    account = active(merchant)
    taken = ADAPTERS[account.provider].CAPABILITIES.currencies
    only = account.options.get("currency")
    if only is not None:
        taken &= {only}
    return sorted(taken, key=lambda currency: (currency != "EUR", currency))


def by_hook_token(provider: str, token: str) -> ProviderAccount:
    """Return the account whose notices arrive under this token.

    Raises:
        NotFoundError: nobody's do.
    """
    query = select(ProviderAccount).where(
        ProviderAccount.provider == provider, ProviderAccount.hook_token == token
    )
    # What cannot be one, such as a NUL that PostgreSQL refuses, is not searched for.
    is_possible = provider in ADAPTERS and references.is_token(token)
    account = db.session.scalar(query) if is_possible else None
    if account is None:
        raise NotFoundError("there is no such account")
    return account


def notice_url(account: ProviderAccount) -> str:
    """Return the address at which this account's notices arrive."""
    return f"{settings.base_url}/hooks/{account.provider}/{account.hook_token}"


def connection(account: ProviderAccount) -> Connection:
    """Return the way to this account's provider: a plain value that outlives the transaction.

    Raises:
        AccountNotConnectedError: the account has no key, and the environment has none for it.
    """
    reach = access(
        account.provider,
        account.external_account,
        is_live=account.is_live,
        secrets=credentials.unseal(account.credentials),
        options=account.options,
    )
    if not reach.secrets.get("api_key"):
        raise AccountNotConnectedError("the account is not configured: it has no key")
    return Connection(ADAPTERS[account.provider], reach)


def access(
    provider: str,
    external_account: str,
    *,
    is_live: bool,
    secrets: Mapping[str, str],
    options: Mapping[str, str],
) -> Access:
    """Return the way into an account; a billing service's key may be that of the environment."""
    opened = dict(secrets)
    if provider == "billing" and not opened.get("api_key"):
        opened["api_key"] = settings.apikey.get_secret_value()
    return Access(external_account, is_live, base_url(provider), opened, options)


def is_watched() -> ColumnElement[bool]:
    """Say of a row whether something may still be read with it: payments, money, refunds."""
    attempts = select(PaymentAttempt.id).where(
        PaymentAttempt.provider_account_id == ProviderAccount.id,
        PaymentAttempt.watch_until > func.now(),
    )
    money = select(Capture.id).where(
        Capture.provider_account_id == ProviderAccount.id, Capture.next_look_at.is_not(None)
    )
    refunds = (
        select(Refund.id)
        .join(Capture, Capture.id == Refund.capture_id)
        .where(
            Capture.provider_account_id == ProviderAccount.id,
            Refund.state.not_in({RefundState.DONE, RefundState.FAILED}),
        )
    )
    return attempts.exists() | money.exists() | refunds.exists()


def base_url(provider: str) -> str:
    """Return where a provider is."""
    return {
        "sandbox": settings.sandbox_url,
        "sumup": settings.sumup_url,
        "paystack": settings.paystack_url,
        "stripe": settings.stripe_url,
        "billing": settings.billing_base_url,
    }[provider]
