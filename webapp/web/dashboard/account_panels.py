"""What the pages about accounts say: of each account, and of what a provider wants to know."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from webapp.core import clock
from webapp.core.states import AccountState
from webapp.domain.payments import account_changes, account_fields, accounts, consents
from webapp.domain.payments.account_changes import Readiness
from webapp.models import ProviderAccount
from webapp.providers.base import Unreadable
from webapp.providers.probes import Accepted, Probe, Rejected
from webapp.web.dashboard.sentences import spoken

SANDBOX: Final = "sandbox"
_SANDBOX_NAME: Final = "Sandbox bank"


@dataclass(frozen=True)
class AccountPanel:
    """Everything the list of accounts says of one of them; no secret is among it."""

    number: int
    provider: str
    provider_name: str
    account: str
    name: str | None
    is_live: bool
    state: str
    is_paid_to: bool
    is_configured: bool
    is_readable: bool
    by_consent: bool
    consent_lost_at: datetime | None
    failing_since: datetime | None
    next_try_at: datetime | None
    last_failure: str | None
    connected_at: datetime
    notice_url: str
    hooks: str
    can_be_replaced: bool

    @classmethod
    def of(cls, account: ProviderAccount, *, paid_to: ProviderAccount | None) -> Self:
        """Say how an account stands."""
        readiness = account_changes.readiness(account)
        known = account_fields.PROVIDERS.get(account.provider)
        rests_until = account.rests_until
        return cls(
            number=account.id,
            provider=account.provider,
            provider_name=provider_name(account.provider),
            account=account.external_account,
            name=account.options.get("name"),
            is_live=account.is_live,
            state=account.state.value,
            is_paid_to=paid_to is not None and paid_to.id == account.id,
            is_configured=readiness is not Readiness.NO_KEY,
            is_readable=readiness is not Readiness.KEY_LOST,
            by_consent=account.token_expires_at is not None,
            consent_lost_at=account.consent_lost_at,
            failing_since=account.failing_since,
            next_try_at=rests_until if rests_until and rests_until > clock.now() else None,
            last_failure=account.last_failure,
            connected_at=account.created_at,
            notice_url=accounts.notice_url(account),
            hooks=known.hooks if known else "",
            can_be_replaced=known is not None,
        )

    @property
    def offers_disconnect(self) -> bool:
        """Whether payments can still be begun with it."""
        return self.state == AccountState.ACTIVE


@dataclass(frozen=True)
class Offer:
    """A provider at which an account can be connected."""

    provider: str
    name: str


def offers(*, has_sandbox: bool) -> tuple[Offer, ...]:
    """Return where accounts can be connected."""
    known = tuple(Offer(key, one.name) for key, one in account_fields.PROVIDERS.items())
    return (*known, Offer(SANDBOX, _SANDBOX_NAME)) if has_sandbox else known


def provider_name(provider: str) -> str:
    """Return what people call a provider."""
    known = account_fields.PROVIDERS.get(provider)
    return known.name if known else _SANDBOX_NAME


def offers_consent() -> bool:
    """Whether a SumUp account can be connected without an API key."""
    return consents.is_offered()


@dataclass(frozen=True)
class Tested:
    """What came of the question whether a key is taken. `kind` is a notice's."""

    kind: str
    title: str
    sentence: str

    @classmethod
    def too_often(cls, wait_s: int) -> Self:
        """Say that nobody was asked."""
        wait = "a second" if wait_s == 1 else f"{wait_s} seconds"
        return cls("warning", "Not asked", f"It was asked often just now. Wait {wait}.")

    @classmethod
    def of(cls, account: ProviderAccount, probe: Probe) -> Self:
        """Say it in words."""
        at = f"{provider_name(account.provider)}, {account.external_account}"
        match probe:
            case Accepted():
                return cls("success", "The connection works", f"{at}: the key is accepted.")
            case Rejected(reason):
                return cls("error", "The connection does not work", f"{at}: {spoken(reason)}")
            case Unreadable(reason):
                return cls(
                    "warning",
                    "Nobody knows at the moment",
                    f"{at}: there was no answer that can be understood ({reason}). Try it again"
                    " in a minute.",
                )
