"""A check: one attempt to be read, with all that this takes."""

from dataclasses import dataclass

import structlog

from webapp.core.errors import AccountNotConnectedError
from webapp.core.states import AttemptState
from webapp.domain.payments import accounts
from webapp.extensions import settings
from webapp.models import PaymentAttempt, ProviderAccount
from webapp.providers.base import (
    CheckoutRequest,
    Found,
    Handle,
    Missing,
    Read,
    Recovery,
    Unreadable,
)
from webapp.providers.connection import Connection

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Check:
    """One attempt to be read now, leased so that nobody else reads it meanwhile."""

    handle: Handle
    token: str
    account_id: int
    # None where our own row cannot be used, such as credentials of a lost key.
    connection: Connection | None
    timeout_s: float
    # What was asked for, while nobody knows whether it was made.
    unanswered: CheckoutRequest | None = None
    # It may be asked for once more where a read finds nothing; the try has been counted.
    may_ask: bool = False
    # It may be asked for again after this time.
    has_tries: bool = False
    # The account gave no answers lately: see `breakers`.
    is_failing: bool = False
    # What the log calls it.
    provider: str = ""
    order: str = ""
    tickets: int = 0
    order_id: str | None = None
    was_paid: bool = False

    @property
    def reference(self) -> str:
        """The attempt's."""
        return self.handle.reference

    @property
    def is_repeated(self) -> bool:
        """Whether to read it is to send the request for it again."""
        return (
            self.unanswered is not None
            and self.connection is not None
            and self.connection.adapter.CAPABILITIES.recovery is Recovery.SAME_REQUEST
        )

    @property
    def sends_notices(self) -> bool:
        """Whether the provider tells us by itself."""
        return self.connection is None or self.connection.adapter.CAPABILITIES.sends_notices

    @property
    def can_close(self) -> bool:
        """Whether the provider has a way to close a checkout; nobody knows without a connection."""
        return self.connection is None or self.connection.adapter.CAPABILITIES.can_close

    def follow_up_s(self, read: Read) -> float | None:
        """Return in how many seconds the next step of a start is due, or None at the usual pace.

        What was asked for is looked for at once; after a read has found nothing comes a pause.
        """
        if self.may_ask and isinstance(read, Unreadable):
            return settings.start_pause_s if self.is_repeated else 0
        is_missing = self.unanswered is not None and isinstance(read, Missing)
        return settings.start_pause_s if is_missing and self.has_tries else None

    @property
    def longest_s(self) -> float:
        """How long all of its calls may take, in seconds: a read, a request, and a read of that."""
        if self.may_ask:
            return 3 * self.timeout_s
        return (2 if self.is_repeated else 1) * self.timeout_s

    def read(self) -> Read:
        """Ask the provider. An adapter that trips over an answer must not take others with it."""
        try:
            if self.connection is None:
                return Unreadable("the account's credentials cannot be used")
            if self.unanswered is not None:
                return self.connection.recover(
                    self.unanswered, timeout_s=self.timeout_s, may_ask=self.may_ask
                )
            return self.connection.read(self.handle, timeout_s=self.timeout_s)
        except Exception as error:
            logger.exception("adapter_failed", attempt=self.reference)
            return Unreadable(f"our adapter failed ({type(error).__name__})")


@dataclass(frozen=True)
class Way:
    """What an account's attempts have in common: how its provider is asked, and its name."""

    provider: str
    connection: Connection | None
    is_failing: bool


def way(account: ProviderAccount) -> Way:
    """Open an account's credentials, which is done once for many attempts."""
    connection = None
    try:
        connection = accounts.connection(account)
    except AccountNotConnectedError:
        logger.warning("APIKEY not found in environment variables", account_id=account.id)
    except Exception:
        logger.exception("credentials_unusable", account_id=account.id)
    return Way(account.provider, connection, account.failing_since is not None)


def of(attempt: PaymentAttempt, to: Way, *, token: str = "", may_ask: bool = False) -> Check:
    """Return what is needed to read an attempt: plain values that outlive the transaction.

    Args:
        attempt: the one.
        to: the way to its account.
        token: of its lease.
        may_ask: whether the provider may be asked for the checkout once more.
    """
    is_unanswered = attempt.state is AttemptState.CREATED and attempt.checkout_id is None
    return Check(
        Handle(attempt.reference, attempt.checkout_id),
        token,
        attempt.provider_account_id,
        to.connection,
        settings.provider_timeout_s,
        CheckoutRequest.from_json(attempt.request) if is_unanswered else None,
        may_ask=may_ask,
        has_tries=attempt.start_tries < settings.start_tries,
        is_failing=to.is_failing,
        provider=to.provider,
        order_id=attempt.order_id,
        was_paid=attempt.state is AttemptState.SUCCEEDED,
    )


def word(read: Read) -> str:
    """Return what is remembered of a read."""
    match read:
        case Found(observation):
            return observation.raw_state[:100]
        case Missing():
            return "missing"
        case Unreadable(reason):
            return f"unreadable: {reason}"[:100]
