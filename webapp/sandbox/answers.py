"""Answers of the API, the right ones and those that a fault spoils."""

import json
import math
import time
from collections.abc import Iterator
from typing import Any

from flask import Response

from webapp.sandbox.bank import the_bank
from webapp.sandbox.faults import Fault, FaultKind
from webapp.sandbox.values import Checkout, written

_DRIBBLE_EVERY_S = 0.05


def checkout(found: Checkout, status: int = 200) -> Response:
    """Answer with a checkout."""
    return in_json(described(found), status)


def described(found: Checkout) -> dict[str, Any]:
    """Return a checkout as the API shows it."""
    return {
        "id": found.id,
        "account": found.account,
        "reference": found.order.reference,
        "livemode": False,
        "status": found.status,
        "amount_minor": found.order.money.minor,
        "currency": found.order.money.currency,
        "payments": [payment.as_json() for payment in found.payments],
        "url": the_bank().page_of(found),
        "expires_at": written(found.order.expires_at.timestamp()),
        "reason": found.reason,
    }


def in_json(content: Any, status: int = 200) -> Response:  # noqa: ANN401  # any JSON there is
    """Answer with a JSON document."""
    return Response(json.dumps(content), status, mimetype="application/json")


def refusal(http_status: int, code: str, message: str, /, **more: str) -> Response:
    """Answer that something was not done, with a stable code and a sentence."""
    return in_json({"code": code, "message": message, **more}, http_status)


def unavailable(for_s: float) -> Response:
    """Answer 503 and ask the client to come back after so many seconds."""
    answer = refusal(503, "unavailable", "The bank is not available; come back later.")
    answer.headers["Retry-After"] = str(math.ceil(for_s))
    return answer


def cut() -> Response:
    """Break the connection off before the answer is complete."""
    # The server drops the connection when fewer bytes come than were announced.
    return Response(iter(()), headers={"Content-Length": "1"}, direct_passthrough=True)


def spoiled(found: Checkout, fault: Fault) -> Response:
    """Answer a read of a checkout as a fault wants it."""
    content = described(found)
    match fault.kind:
        case FaultKind.READ_MALFORMED:
            text = json.dumps(content)
            return Response(text[: len(text) // 2], mimetype="application/json")
        case FaultKind.READ_SLOW:
            dribble = _dribbled(json.dumps(content).encode(), fault.seconds)
            return Response(dribble, mimetype="application/json")
        case FaultKind.READ_OTHER_ACCOUNT:
            content["account"] = "sbx-somebody-else"
        case FaultKind.READ_OTHER_REFERENCE:
            content["reference"] = "att-of-somebody-else"
        case FaultKind.READ_LIVE:
            content["livemode"] = True
        case FaultKind.READ_PROCESSING:
            content["status"] = "processing"
        case _:
            raise ValueError(f"{fault.kind} spoils no read")
    return in_json(content)


def _dribbled(body: bytes, seconds: float) -> Iterator[bytes]:
    pieces = max(1, min(len(body), round(seconds / _DRIBBLE_EVERY_S)))
    size = math.ceil(len(body) / pieces)
    for start in range(0, len(body), size):
        time.sleep(_DRIBBLE_EVERY_S)
        yield body[start : start + size]
