"""Answers of Paystack as they come over the wire, to be varied by tests."""

from typing import Any

PAID: dict[str, Any] = {
    "id": 4_099_260_516,
    "domain": "test",
    "status": "success",
    "reference": "att-1",
    "amount": 40_333,
    "requested_amount": 30_050,
    "fees": 10_283,
    "currency": "NGN",
    "gateway_response": "Successful",
    "message": None,
    "paid_at": "2026-11-20T10:00:00.250Z",
    "paidAt": "2026-11-20T10:00:00.250Z",
    "created_at": "2026-11-20T09:55:00.000Z",
    "metadata": "",
}


def envelope(data: object, *, status: bool = True, message: str = "ok") -> dict[str, Any]:
    """Return what Paystack wraps everything in."""
    return {"status": status, "message": message, "data": data}


def verified(**fields: object) -> dict[str, Any]:
    """Return the paid transaction with something else in it."""
    return envelope({**PAID, **fields})


def refusal(message: str, code: str | None = None) -> dict[str, Any]:
    """Return an error."""
    told: dict[str, Any] = {"status": False, "message": message, "type": "validation_error"}
    return told if code is None else {**told, "code": code}
