"""Answers of the sandbox bank as they come over the wire, to be varied by tests."""

import json
from typing import Any

from webapp.providers.base import HttpAnswer

PAID = {
    "id": "chk-1",
    "account": "sbx-demo",
    "reference": "att-1",
    "livemode": False,
    "status": "paid",
    "amount_minor": 2500,
    "currency": "EUR",
    "payments": [
        {
            "id": "pay-1",
            "amount_minor": 2500,
            "currency": "EUR",
            "paid_at": "2026-11-20T10:00:00.250Z",
        }
    ],
    "url": "http://bank.test/checkout/chk-1",
    "expires_at": "2026-11-20T11:00:00.000Z",
    "reason": None,
}
OPEN = {**PAID, "status": "open", "payments": []}


# What is no JSON object, whatever is wrong with it otherwise; and an object that says nothing.
NO_OBJECTS: tuple[object, ...] = ({}, [], None, 7, b"", b"<html>", b"\xff\xfe", b"[" * 100_000)


def answer(status: int, content: object, headers: dict[str, str] | None = None) -> HttpAnswer:
    """Return a provider's answer; bytes are sent as they are, anything else as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return HttpAnswer(status, headers or {}, body)


def paid_with(**payment: object) -> dict[str, Any]:
    """Return the paid checkout with something else in its payment."""
    return {**PAID, "payments": [{**PAID["payments"][0], **payment}]}  # type: ignore[index]  # a list
