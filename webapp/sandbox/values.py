"""What the bank speaks of: orders, checkouts, payments, and how it keeps time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from webapp.core import clock
from webapp.core.money import Money


class Status(StrEnum):
    """Where a checkout stands. Everything but OPEN is an end."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    CLOSED = "closed"


class UnknownCheckoutError(Exception):
    """There is no such checkout, or it belongs to another account."""


class DuplicateReferenceError(Exception):
    """The account has a checkout with this reference already."""

    def __init__(self, checkout_id: str) -> None:
        self.checkout_id = checkout_id
        super().__init__(checkout_id)


class NotOpenError(Exception):
    """The checkout has ended; nothing was changed."""

    def __init__(self, checkout: "Checkout") -> None:
        self.checkout = checkout
        super().__init__(checkout.status)


@dataclass(frozen=True)
class Order:
    """What a merchant asks for when it makes a checkout."""

    reference: str
    money: Money
    description: str
    merchant_name: str
    return_url: str
    notice_url: str
    expires_at: datetime


@dataclass(frozen=True)
class Payment:
    """Money that the bank took, in minor units, at a moment in seconds since 1970."""

    id: str
    amount_minor: int
    currency: str
    paid_at: float

    def as_json(self) -> dict[str, Any]:
        """Return the payment as the API shows it."""
        return {
            "id": self.id,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "paid_at": written(self.paid_at),
        }


@dataclass(frozen=True)
class Checkout:
    """One checkout as it was when it was read."""

    id: str
    account: str
    status: Status
    order: Order
    reason: str | None
    payments: tuple[Payment, ...]


def written(moment: float) -> str:
    """Write a moment for the outside, to the millisecond."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def now() -> float:
    """The present moment in seconds since 1970, as the books keep time."""
    return clock.now().timestamp()
