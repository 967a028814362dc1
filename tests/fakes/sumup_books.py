"""What the fake SumUp writes down, and how it tells it: SumUp's JSON, money as floats."""

import itertools
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Response

from webapp.core import clock
from webapp.core.money import exponent

PAGE_LASTS = timedelta(minutes=30)
PROBLEMS = "https://developer.sumup.com/problem"

_numbers = itertools.count(9_567_461_191)


@dataclass
class Transaction:
    """One try to pay a checkout, with the events of its later life."""

    amount: Decimal
    currency: str
    status: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    timestamp: datetime = field(default_factory=clock.now)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The short name that merchants see."""
        return f"T{self.id[:8].upper()}"

    @property
    def refunded(self) -> Decimal:
        """How much went back, or is on its way."""
        parts = [event for event in self.events if event["event_type"] == "REFUND"]
        return sum(
            (Decimal(str(part["amount"])) for part in parts if part["status"] != "FAILED"),
            Decimal(),
        )

    def as_minor(self) -> tuple[str, int, str]:
        """Return its id, its amount in minor units and its currency."""
        minor = self.amount.scaleb(exponent(self.currency))
        return self.id, int(minor), self.currency

    def note(self, kind: str, amount: Decimal, status: str) -> None:
        """Write an event down."""
        self.events.append(
            {
                "id": next(_numbers),
                "event_type": kind,
                "status": status,
                "amount": float(amount),
                "timestamp": stamp(clock.now()),
            }
        )

    def as_json(self, merchant_code: str) -> dict[str, Any]:
        """Tell it as a part of a checkout."""
        return {
            "id": self.id,
            "transaction_code": self.code,
            "merchant_code": merchant_code,
            "amount": float(self.amount),
            "vat_amount": 0,
            "tip_amount": 0,
            "currency": self.currency,
            "timestamp": stamp(self.timestamp),
            "status": self.status,
            "payment_type": "ECOM",
            "entry_mode": "CUSTOMER_ENTRY",
            "installments_count": 1,
            "auth_code": "012345",
        }


@dataclass
class Checkout:
    """A checkout, and the page on which it is paid."""

    reference: str
    amount: Decimal
    currency: str
    wish: dict[str, Any]
    valid_until: datetime | None
    status: str = "PENDING"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    page: str = field(default_factory=lambda: str(uuid.uuid4()))
    made_at: datetime = field(default_factory=clock.now)
    tries: list[Transaction] = field(default_factory=list)
    lagging_reads: int = 0

    @property
    def page_is_over(self) -> bool:
        """Whether nobody can pay on the page any more."""
        now = clock.now()
        is_past = self.valid_until is not None and self.valid_until <= now
        return self.status == "EXPIRED" or is_past or self.made_at + PAGE_LASTS <= now

    @property
    def paying(self) -> Transaction | None:
        """The try that paid it."""
        return next((one for one in self.tries if one.status == "SUCCESSFUL"), None)

    def as_json(self, merchant_code: str, page_url: str | None) -> dict[str, Any]:
        """Tell it. What it does not have is left out, not null."""
        is_lagging = self.lagging_reads > 0
        if is_lagging:
            self.lagging_reads -= 1
        told: dict[str, Any] = {
            key: self.wish[key]
            for key in ("description", "return_url", "redirect_url", "valid_until")
            if self.wish.get(key) is not None
        } | {
            "id": self.id,
            "checkout_reference": self.reference,
            "amount": float(self.amount),
            "currency": self.currency,
            "merchant_code": merchant_code,
            "merchant_country": "DE",
            "merchant_name": "Sample Shop",
            "purpose": "CHECKOUT",
            "date": stamp(self.made_at),
            "status": "PENDING" if is_lagging else self.status,
            "transactions": []
            if is_lagging
            else [one.as_json(merchant_code) for one in self.tries],
        }
        if page_url is not None:
            told |= {"hosted_checkout": {"enabled": True}, "hosted_checkout_url": page_url}
        if told["status"] == "PAID" and self.paying is not None:
            told |= {
                "transaction_id": self.paying.id,
                "transaction_code": self.paying.code,
            }
        return told


def stamp(moment: datetime) -> str:
    """Write a moment as SumUp does."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answered(status: int, content: object) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(content), status=status, mimetype="application/json")


def problem(status: int, slug: str, title: str, detail: str, **more: object) -> Response:
    """Answer with a problem document."""
    content = {"type": f"{PROBLEMS}/{slug}", "title": title, "status": status, "detail": detail}
    return Response(json.dumps(content | more), status=status, mimetype="application/problem+json")


def flaw(param: str, code: str = "INVALID") -> dict[str, str]:
    """Name what is wrong with a wish."""
    return {"message": "Validation error", "error_code": code, "param": param}
