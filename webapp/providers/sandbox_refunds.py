"""Sends money back at the sandbox bank, and reads what went back."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from webapp.providers import parsing
from webapp.providers.base import Access, HttpAnswer, HttpRequest, Unreadable
from webapp.providers.parsing import NotUnderstoodError
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    RefundAnswer,
    RefundRead,
    RefundRefused,
    RefundState,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)

_KEY: Final = re.compile(r"sb[kn]_\S+")


def build_refund(access: Access, wish: RefundWish) -> HttpRequest:
    """Write the request that sends money back; sent again, it sends no more."""
    content = {
        "key": wish.key,
        "amount_minor": wish.money.minor,
        "currency": wish.money.currency,
    }
    return _request(access, "POST", wish.payment_reference, json.dumps(content).encode())


def parse_refund(answer: HttpAnswer) -> RefundAnswer:
    """Say what became of it."""
    if answer.status in {401, 403}:
        return RefundRefused("not authorised")
    try:
        if answer.status in {200, 201}:
            seen = _seen(parsing.body(answer))
            return RefundAccepted(seen.reference, seen.state)
        if answer.status in {404, 422}:
            body = parsing.body(answer)
            parsing.name(body, "code")  # without it, it is a proxy that says no
            return RefundRefused(
                parsing.line(body.get("message"), without=_KEY) or f"status {answer.status}"
            )
    except NotUnderstoodError as error:
        return RefundUnknown(str(error))
    return RefundUnknown(f"status {answer.status}")


def build_read_refunds(access: Access, payment_reference: str) -> HttpRequest:
    """Write the request that reads the refunds of one payment."""
    return _request(access, "GET", payment_reference)


def parse_read_refunds(answer: HttpAnswer) -> RefundRead:
    """Translate what the bank says."""
    if answer.status in {401, 403}:
        return Unreadable("not authorised")
    if answer.status != 200:
        return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
    try:
        return FoundRefunds(_listed(parsing.body(answer)))
    except NotUnderstoodError as error:
        return Unreadable(str(error))


def _listed(body: Mapping[str, Any]) -> tuple[SeenRefund, ...]:
    listed = body.get("refunds")
    if not isinstance(listed, list):
        raise NotUnderstoodError("refunds is not understood")
    return tuple(_seen(one) for one in listed)


def _seen(refund: object) -> SeenRefund:
    if not isinstance(refund, dict) or refund.get("status") != "done":
        raise NotUnderstoodError("a refund is not understood")
    return SeenRefund(
        reference=parsing.name(refund, "id"),
        money=parsing.minor_units(refund, "amount_minor"),
        state=RefundState.DONE,
        key=None if refund.get("key") is None else parsing.name(refund, "key"),
    )


def _request(
    access: Access, method: str, payment_reference: str, body: bytes | None = None
) -> HttpRequest:
    headers = {
        "Authorization": f"Bearer {access.secrets['api_key']}",
        "Accept": "application/json",
    }
    if body is not None:
        headers["Content-Type"] = "application/json"
    url = f"{access.base_url}/v1/payments/{quote(payment_reference, safe='')}/refunds"
    return HttpRequest(method, url, headers, body)
