"""A merchant's accounts at providers: their secrets, encrypted, and the connection made of them."""

import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select

from webapp.core import references
from webapp.core.errors import AccountNotConnectedError, NotFoundError
from webapp.core.states import AccountState
from webapp.extensions import db, settings
from webapp.models import Merchant, ProviderAccount
from webapp.providers.base import Access
from webapp.providers.connection import Connection
from webapp.providers.registry import ADAPTERS


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

    Raises:
        AccountNotConnectedError: there is no such provider here.
    """
    if provider not in ADAPTERS or (provider == "sandbox" and not settings.sandbox_enabled):
        raise AccountNotConnectedError(f"the provider {provider!r} is not switched on here")
    account = of_provider(merchant, provider, external_account)
    encrypted = _keyring().encrypt(json.dumps(dict(secrets)).encode())
    if account is None:
        account = ProviderAccount(
            merchant_id=merchant.id,
            provider=provider,
            external_account=external_account,
            is_live=is_live,
            credentials=encrypted,
            options={},
            hook_token=references.token(),
        )
        db.session.add(account)
        db.session.flush()
    account.credentials = encrypted
    if options is not None:
        account.options = dict(options)
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

    Raises:
        AccountNotConnectedError: there is none.
    """
    account = db.session.scalar(
        select(ProviderAccount)
        .where(
            ProviderAccount.merchant_id == merchant.id,
            ProviderAccount.state == AccountState.ACTIVE,
        )
        .order_by(ProviderAccount.id)
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
    taken = ADAPTERS[active(merchant).provider].CAPABILITIES.currencies
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


def connection(account: ProviderAccount) -> Connection:
    """Return the way to this account's provider: a plain value that outlives the transaction.

    Raises:
        AccountNotConnectedError: the account has no key, and the environment has none for it.
    """
    secrets = json.loads(_keyring().decrypt(account.credentials))
    if account.provider == "billing" and not secrets.get("api_key"):
        secrets["api_key"] = settings.apikey.get_secret_value()
    if not secrets.get("api_key"):
        raise AccountNotConnectedError("the account is not configured: it has no key")
    access = Access(
        account=account.external_account,
        is_live=account.is_live,
        base_url=base_url(account.provider),
        secrets=secrets,
        options=account.options,
    )
    return Connection(ADAPTERS[account.provider], access)


def base_url(provider: str) -> str:
    """Return where a provider is."""
    return {
        "sandbox": settings.sandbox_url,
        "sumup": settings.sumup_url,
        "paystack": settings.paystack_url,
        "stripe": settings.stripe_url,
        "billing": settings.billing_base_url,
    }[provider]


def _keyring() -> MultiFernet:
    keys = settings.credentials_keys.get_secret_value().split(",")
    return MultiFernet([Fernet(key.strip()) for key in keys])
