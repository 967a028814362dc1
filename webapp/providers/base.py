"""The port: what we ask of a payment provider, and the words in which it answers.

An adapter is a module of pure functions that build a request and parse an answer. It knows no
database, no web framework and no clock, and it never raises for what a provider says: every answer
is one of the values below. Every change of state comes from `read`; a notice is only a hint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol, Self

from webapp.core import clock
from webapp.core.money import Money


class ProviderState(StrEnum):
    """What a provider says of one checkout, in our words."""

    OPEN = "OPEN"  # nobody has paid yet: keep watching
    PROCESSING = "PROCESSING"  # a payment is on its way: keep watching
    PAID = "PAID"  # money was taken: see `Observation.payments`
    ATTEMPT_FAILED = "ATTEMPT_FAILED"  # the last try failed, and this checkout can still be paid
    FAILED = "FAILED"  # refused for good: this checkout takes no money any more
    CLOSED = "CLOSED"  # ended without payment
    REVERSED = "REVERSED"  # refunded or charged back at the provider


# A checkout of which the provider says this can be paid from now on.
STILL_PAYABLE: Final = frozenset(
    {ProviderState.OPEN, ProviderState.PROCESSING, ProviderState.ATTEMPT_FAILED}
)


@dataclass(frozen=True)
class Payment:
    """Money that the provider says it took: its own reference for it, how much, and when."""

    reference: str
    money: Money
    paid_at: datetime | None


@dataclass(frozen=True)
class Observation:
    """What a provider said at one read, to be compared with what we asked for.

    `account` and `is_live` are None where a provider's answers do not name them: then the key that
    was used says whose checkout it is. `checkout_id` and `reference` are empty where the answer is
    about whatever was asked for, and names nothing.
    """

    account: str | None
    checkout_id: str
    reference: str
    is_live: bool | None
    state: ProviderState
    raw_state: str
    payments: tuple[Payment, ...] = ()
    checkout_url: str | None = None
    reason: str | None = None
    order_id: str | None = None
    # How much was sent back in all, where REVERSED means that; None for a chargeback.
    went_back: Money | None = None


@dataclass(frozen=True)
class Found:
    """The checkout was read."""

    observation: Observation


@dataclass(frozen=True)
class Missing:
    """The provider answered that it has no such checkout.

    `refusal` is set when it was then asked for it once more, and refused.
    """

    refusal: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """No answer, or none that can be understood. It never means "not paid".

    `retry_after_s` is set when the provider asked us to wait. `is_silent` says that there was no
    complete answer, or only that its server failed; `is_unauthorised` that our key or token is not
    taken. Either way the next checkout of that account will hardly fare better.
    """

    reason: str
    retry_after_s: float | None = None
    is_silent: bool = False
    is_unauthorised: bool = False


Read = Found | Missing | Unreadable


@dataclass(frozen=True)
class Created:
    """The checkout exists; the buyer pays at `url`."""

    checkout_id: str
    url: str
    order_id: str | None = None


@dataclass(frozen=True)
class Refused:
    """The provider understood the request and made no checkout.

    `is_unauthorised` says that it did not take our key or token.
    """

    reason: str
    is_unauthorised: bool = False


@dataclass(frozen=True)
class Unanswered:
    """We do not know whether a checkout was made: recover by reading.

    `is_silent` says that there was no complete answer at all.
    """

    reason: str
    is_silent: bool = False


Creation = Created | Refused | Unanswered


class CloseAnswer(StrEnum):
    """What became of our wish to close a checkout. Afterwards only a read tells the truth."""

    CLOSED = "CLOSED"
    NOT_OPEN = "NOT_OPEN"  # paid, or closed before
    UNKNOWN = "UNKNOWN"  # no answer that can be understood


@dataclass(frozen=True)
class Hint:
    """An authentic notice: "go and read this", nothing else. `dedupe_key` is the notice's name.

    One that is not signed is known only by the unguessable address that it came to.
    """

    dedupe_key: str
    kind: str
    reference: str | None
    checkout_id: str | None
    is_signed: bool = True
    # The provider's name for the money, where the notice is about that.
    payment_reference: str | None = None


class UnauthenticNoticeError(Exception):
    """The notice was not signed by the provider, or too long ago."""


class MalformedNoticeError(Exception):
    """The notice is authentic, but its body is not what the provider documents."""


@dataclass(frozen=True)
class Handle:
    """How a checkout is named when we ask for it: by our reference, and by theirs once known."""

    reference: str
    checkout_id: str | None


@dataclass(frozen=True)
class CheckoutRequest:
    """Everything the provider gets to make a checkout. It is stored before it is sent."""

    reference: str
    money: Money
    description: str
    merchant_name: str
    return_url: str
    notice_url: str
    expires_at: datetime
    # Some providers make no checkout without it.
    buyer_email: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the request as it is stored on the attempt."""
        return {
            "reference": self.reference,
            "amount_minor": self.money.minor,
            "currency": self.money.currency,
            "description": self.description,
            "merchant_name": self.merchant_name,
            "return_url": self.return_url,
            "notice_url": self.notice_url,
            "expires_at": clock.iso(self.expires_at),
            "buyer_email": self.buyer_email,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Rebuild the very same request from what was stored."""
        return cls(
            reference=stored["reference"],
            money=Money(stored["amount_minor"], stored["currency"]),
            description=stored["description"],
            merchant_name=stored["merchant_name"],
            return_url=stored["return_url"],
            notice_url=stored["notice_url"],
            expires_at=clock.parse(stored["expires_at"]),
            buyer_email=stored.get("buyer_email"),
        )


@dataclass(frozen=True)
class Access:
    """A merchant's way into its account at a provider. Secrets stay out of every repr and log.

    `options` are what differs between accounts and is no secret, such as a connected account.
    """

    account: str
    is_live: bool
    base_url: str
    secrets: Mapping[str, str] = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


class Recovery(StrEnum):
    """How a checkout is found again whose making was not answered."""

    REFERENCE = "REFERENCE"  # reading by our reference gives its id and its address
    SAME_REQUEST = "SAME_REQUEST"  # the identical request again gives the same checkout
    WATCH_ONLY = "WATCH_ONLY"  # our reference can be read, but nobody can be sent there any more


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do, so that the rules never ask for its name.

    `least` and `most` are amounts in minor units by currency; a currency that `most` does not name
    has no limit of the provider's.
    """

    currencies: frozenset[str]
    min_expiry: timedelta
    max_expiry: timedelta
    sends_notices: bool
    # Where they are not, the address that each checkout's go to carries our reference.
    signs_notices: bool = True
    recovery: Recovery = Recovery.REFERENCE
    can_close: bool = True
    needs_email: bool = False
    can_refund: bool = True
    # A refund may be asked for again under the same key without being paid twice.
    can_repeat_refund: bool = False
    least: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpRequest:
    """One request to a provider, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class HttpAnswer:
    """One complete answer of a provider; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Adapter(Protocol):
    """One provider's dialect as pure functions; a module fulfils it."""

    CAPABILITIES: Capabilities

    def build_create(self, access: Access, checkout: CheckoutRequest) -> HttpRequest:
        """Write the request that makes a checkout."""

    def parse_create(self, answer: HttpAnswer) -> Creation:
        """Say what became of it."""

    def build_read(self, access: Access, handle: Handle) -> HttpRequest:
        """Write the request that reads a checkout, by their id or else by our reference."""

    def parse_read(self, answer: HttpAnswer) -> Read:
        """Translate what the provider says."""

    def build_close(self, access: Access, checkout_id: str) -> HttpRequest:
        """Write the request that closes a checkout, so that nobody can pay it any more."""

    def parse_close(self, answer: HttpAnswer) -> CloseAnswer:
        """Say what became of it."""

    def parse_notice(
        self, access: Access, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Hint:
        """Authenticate the raw body of a notice and say what it points to.

        Header names come in small letters.

        Raises:
            UnauthenticNoticeError: the signature is missing, wrong or too old.
            MalformedNoticeError: it is authentic and makes no sense.
        """
