"""What the fake Paystack writes down, and how it tells it: an envelope, hundredths."""

import itertools
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from webapp.core import clock
from webapp.core.money import exponent

_numbers = itertools.count(4_099_260_516)


@dataclass
class Refund:
    """Money on its way back."""

    transaction: int
    amount: int
    currency: str
    note: str
    status: str = "pending"
    id: int = field(default_factory=lambda: next(_numbers))

    def as_json(self, mode: str) -> dict[str, Any]:
        """Tell it as a list of refunds does."""
        return {
            "id": self.id,
            "integration": 412829,
            "domain": mode,
            "transaction": self.transaction,
            "amount": self.amount,
            "currency": self.currency,
            "merchant_note": self.note,
            "status": self.status,
            "refunded_by": "api@example.org",
        }

    def as_event(self, mode: str, reference: str) -> dict[str, Any]:
        """Tell of a refund as a notice does: the amount as text, the transaction by reference."""
        return {
            "id": str(self.id),
            "status": self.status,
            "transaction_reference": reference,
            "refund_reference": None,
            "amount": str(self.amount),
            "currency": self.currency,
            "integration": 412829,
            "domain": mode,
        }


@dataclass
class Transaction:
    """One transaction; its money in hundredths."""

    reference: str
    email: str
    requested: int
    currency: str
    metadata: Any
    callback_url: str | None
    amount: int
    status: str = "abandoned"
    gateway_response: str = "The transaction was not completed"
    paid_at: datetime | None = None
    lagging_reads: int = 0
    access_code: str = field(default_factory=lambda: secrets.token_hex(8))
    id: int = field(default_factory=lambda: next(_numbers))
    made_at: datetime = field(default_factory=clock.now)

    def as_minor(self) -> tuple[str, int, str]:
        """Return its id, what was charged in minor units, and the currency."""
        return str(self.id), self.amount * 10 ** exponent(self.currency) // 100, self.currency

    def as_json(self, mode: str) -> dict[str, Any]:
        """Tell it as a verification does."""
        paid_at = None if self.paid_at is None else stamp(self.paid_at)
        return {
            "id": self.id,
            "domain": mode,
            "status": self.status,
            "reference": self.reference,
            "receipt_number": None,
            "amount": self.amount,
            "requested_amount": self.requested or None,
            "fees": max(self.amount - self.requested, 0),
            "message": None,
            "gateway_response": self.gateway_response,
            "paid_at": paid_at,
            "paidAt": paid_at,
            "created_at": stamp(self.made_at),
            "channel": "card",
            "currency": self.currency,
            "metadata": self.metadata,
            "customer": {"email": self.email},
        }


def yes(message: str, data: object, meta: object = None) -> Response:
    """Answer that the call went well."""
    content = {"status": True, "message": message, "data": data}
    return _json(200, content if meta is None else content | {"meta": meta})


def no(status: int, message: str, code: str, kind: str = "validation_error") -> Response:
    """Answer that it did not."""
    meta = {"nextStep": "See the documentation"}
    content = {"status": False, "message": message, "meta": meta, "type": kind, "code": code}
    return _json(status, content)


def _json(status: int, content: object) -> Response:
    return Response(json.dumps(content), status=status, mimetype="application/json")


def stamp(moment: datetime) -> str:
    """Write a moment as Paystack does."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def html(status: int, content: str) -> Response:
    """Show a page."""
    head = '<!doctype html><html lang="en"><title>Paystack (fake)</title>'
    icon = '<link rel="icon" href="data:,">'
    return Response(f"{head}{icon}<main><p>{content}</p></main>", status, mimetype="text/html")
