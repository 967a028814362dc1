"""Requests for checkouts: everything that a provider gets, stored before it is sent."""

from datetime import datetime, timedelta
from typing import Final

from webapp.domain.payments import accounts
from webapp.extensions import settings
from webapp.models import PaymentAttempt, ProviderAccount
from webapp.providers.base import CheckoutRequest
from webapp.providers.registry import ADAPTERS

# Clocks differ, and the buyer should not meet a checkout that ends while they type.
_EXPIRY_MARGIN: Final = timedelta(minutes=1)


def write(attempt: PaymentAttempt, now: datetime) -> CheckoutRequest:
    """Say what the provider is asked for by an attempt that begins now."""
    link, account = attempt.link, attempt.provider_account
    limits = ADAPTERS[account.provider].CAPABILITIES
    latest, earliest = now + limits.max_expiry, now + limits.min_expiry
    ends_at = min(link.expires_at, latest - _EXPIRY_MARGIN)
    buyer_email = link.buyer_email or attempt.session.buyer_email
    return CheckoutRequest(
        reference=attempt.reference,
        money=link.money,
        description=link.title,
        merchant_name=link.merchant.name,
        return_url=f"{settings.base_url}/pay/{link.code}/processing?returned=1",
        notice_url=_notice_url(account, None if limits.signs_notices else attempt.reference),
        expires_at=max(ends_at, earliest + _EXPIRY_MARGIN),
        # Who does not need it is not told who buys.
        buyer_email=buyer_email if limits.needs_email else None,
    )


def _notice_url(account: ProviderAccount, reference: str | None) -> str:
    """Return where notices go: to the account, or for one checkout of it by our reference."""
    address = accounts.notice_url(account)
    return address if reference is None else f"{address}/{reference}"
