"""Sending money back: what we ask of a provider, and the words in which it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from webapp.core.money import Money
from webapp.providers.base import Access, HttpAnswer, HttpRequest, Unreadable


class RefundState(StrEnum):
    """What a provider says of one refund, in our words."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True)
class RefundAccepted:
    """The provider took the order to send money back; `reference` is its own name for it."""

    reference: str | None
    state: RefundState


@dataclass(frozen=True)
class RefundRefused:
    """The provider understood and sends nothing back."""

    reason: str


@dataclass(frozen=True)
class RefundUnknown:
    """We do not know whether money goes back: read the refunds, never repeat blindly."""

    reason: str


RefundAnswer = RefundAccepted | RefundRefused | RefundUnknown


@dataclass(frozen=True)
class SeenRefund:
    """One refund in the provider's books. `key` is ours, where it kept it.

    `payment` says whose it is, where a list may show more than those of the payment asked about.
    """

    reference: str
    money: Money
    state: RefundState
    key: str | None = None
    payment: str | None = None


@dataclass(frozen=True)
class FoundRefunds:
    """Every refund of one payment, the oldest first; none is an answer too."""

    refunds: tuple[SeenRefund, ...]


RefundRead = FoundRefunds | Unreadable


@dataclass(frozen=True)
class RefundWish:
    """What to send back. `key` is ours and the same whenever this wish is sent."""

    key: str
    payment_reference: str
    money: Money
    is_whole: bool


class Refunder(Protocol):
    """How a provider sends money back, as pure functions; an adapter's module fulfils it too."""

    def build_refund(self, access: Access, wish: RefundWish) -> HttpRequest:
        """Write the request that sends money back."""

    def parse_refund(self, answer: HttpAnswer) -> RefundAnswer:
        """Say what became of it."""

    def build_read_refunds(self, access: Access, payment_reference: str) -> HttpRequest:
        """Write the request that reads the refunds of one payment."""

    def parse_read_refunds(self, answer: HttpAnswer) -> RefundRead:
        """Translate what the provider says."""
