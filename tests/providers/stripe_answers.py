"""Answers of Stripe as they come over the wire, to be varied by tests."""

from typing import Any, Final

CHARGE: Final[dict[str, Any]] = {
    "id": "ch_1",
    "object": "charge",
    "amount": 2500,
    "amount_refunded": 0,
    "created": 1_795_172_400,
    "currency": "eur",
    "disputed": False,
    "status": "succeeded",
}
INTENT: Final[dict[str, Any]] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 2500,
    "amount_received": 2500,
    "currency": "eur",
    "last_payment_error": None,
    "latest_charge": CHARGE,
    "status": "succeeded",
}
OPEN: Final[dict[str, Any]] = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "amount_total": 2500,
    "client_reference_id": "att-1",
    "currency": "eur",
    "expires_at": 1_795_176_000,
    "livemode": False,
    "metadata": {"account": "acct_1"},
    "payment_intent": None,
    "payment_status": "unpaid",
    "status": "open",
    "url": "https://checkout.stripe.com/c/pay/cs_test_1",
}
PAID: Final[dict[str, Any]] = {
    **OPEN,
    "payment_intent": INTENT,
    "payment_status": "paid",
    "status": "complete",
    "url": None,
}
REFUND: Final[dict[str, Any]] = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "currency": "eur",
    "metadata": {"key": "ref-1"},
    "payment_intent": "pi_1",
    "status": "succeeded",
}
DECLINED: Final[dict[str, Any]] = {
    **INTENT,
    "amount_received": 0,
    "last_payment_error": {"code": "card_declined", "message": "Your card was declined."},
    "latest_charge": None,
    "status": "requires_payment_method",
}


def error(message: str | None = None, **more: object) -> dict[str, Any]:
    """Return an error's body."""
    return {"error": {"type": "invalid_request_error", "message": message, **more}}


def intent_with(**more: object) -> dict[str, Any]:
    """Return the paid session with something else in its payment."""
    return {**PAID, "payment_intent": {**INTENT, **more}}


def charge_with(**more: object) -> dict[str, Any]:
    """Return the paid session with something else in its charge."""
    return intent_with(latest_charge={**CHARGE, **more})
