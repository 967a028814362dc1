"""What a fake Stripe keeps: sessions, their payments, and what went back of them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def new_id(kind: str, length: int = 24) -> str:
    """Return an id such as `pi_…`."""
    return f"{kind}_{secrets.token_hex(length // 2)}"


@dataclass
class Refund:
    """Money that went back, or is to."""

    payment_intent: str
    amount: int
    currency: str
    created: int
    status: str = "succeeded"
    metadata: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: new_id("re"))

    def as_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "currency": self.currency,
            "payment_intent": self.payment_intent,
            "created": self.created,
            "metadata": self.metadata,
            "reason": None,
            "status": self.status,
        }


@dataclass
class Charge:
    """One try to take money from a card that went through."""

    amount: int
    currency: str
    created: int
    amount_refunded: int = 0
    disputed: bool = False
    id: str = field(default_factory=lambda: new_id("ch"))

    def as_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount,
            "amount_refunded": self.amount_refunded,
            "captured": True,
            "created": self.created,
            "currency": self.currency,
            "disputed": self.disputed,
            "paid": True,
            "refunded": self.amount_refunded == self.amount,
            "status": "succeeded",
        }


@dataclass
class Intent:
    """A payment; there is none until the buyer begins to pay."""

    amount: int
    currency: str
    metadata: dict[str, str]
    status: str = "requires_payment_method"
    error: dict[str, Any] | None = None
    charge: Charge | None = None
    id: str = field(default_factory=lambda: new_id("pi"))

    def as_json(self, expand: frozenset[str]) -> dict[str, Any]:
        """Return it as the API shows it."""
        charge: object = self.charge.id if self.charge else None
        if self.charge is not None and "payment_intent.latest_charge" in expand:
            charge = self.charge.as_json()
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": self.charge.amount if self.charge else 0,
            "currency": self.currency,
            "last_payment_error": self.error,
            "latest_charge": charge,
            "metadata": self.metadata,
            "status": self.status,
        }


@dataclass
class Session:
    """One checkout."""

    form: Mapping[str, str]
    account: str
    livemode: bool
    url: str
    created: int
    expires_at: int
    amount_total: int
    currency: str
    id: str
    status: str = "open"
    payment_status: str = "unpaid"
    intent: Intent | None = None

    def begun(self) -> Intent:
        """Return its payment; from now on there is one."""
        if self.intent is None:
            metadata = self.metadata("payment_intent_data[metadata]")
            self.intent = Intent(self.amount_total, self.currency, metadata)
        return self.intent

    def metadata(self, prefix: str) -> dict[str, str]:
        """Return the metadata that came under a key."""
        return {
            key[len(prefix) + 1 : -1]: value
            for key, value in self.form.items()
            if key.startswith(f"{prefix}[")
        }

    def as_json(self, expand: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return it as the API shows it, with the parts that were asked for in full."""
        intent: object = self.intent.id if self.intent else None
        if self.intent and {"payment_intent", "payment_intent.latest_charge"} & expand:
            intent = self.intent.as_json(expand)
        return {
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": self.form.get("adaptive_pricing[enabled]") == "true"},
            "amount_subtotal": self.amount_total,
            "amount_total": self.amount_total,
            "cancel_url": self.form.get("cancel_url"),
            "client_reference_id": self.form.get("client_reference_id"),
            "created": self.created,
            "currency": self.currency,
            "customer_details": None,
            "expires_at": self.expires_at,
            "livemode": self.livemode,
            "metadata": self.metadata("metadata"),
            "mode": "payment",
            "payment_intent": intent,
            "payment_method_types": ["card"],
            "payment_status": self.payment_status,
            "status": self.status,
            "success_url": self.form["success_url"],
            "ui_mode": "hosted_page",
            "url": self.url if self.status == "open" else None,
        }
