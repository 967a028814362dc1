"""Sends money back at Stripe, and reads what went back."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from webapp.providers import parsing, stripe_wire
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

_REFUND_STATES: Final = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.DONE,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}


def build_refund(access: Access, wish: RefundWish) -> HttpRequest:
    """Write the request that sends money back; sent again within a day, it sends no more."""
    form = {
        "payment_intent": wish.payment_reference,
        "amount": str(wish.money.minor),
        "metadata[key]": wish.key,
    }
    return stripe_wire.post(access, "/v1/refunds", form, key=wish.key)


def parse_refund(answer: HttpAnswer) -> RefundAnswer:
    """Say what became of it."""
    if stripe_wire.is_in_doubt(answer):
        return RefundUnknown(f"status {answer.status}")
    if answer.status in {401, 403}:
        return RefundRefused("not authorised")
    try:
        if answer.status == 200:
            refund = stripe_wire.body(answer, "refund")
            return RefundAccepted(parsing.name(refund, "id"), _refund_state(refund))
        error = stripe_wire.error(answer)
    except NotUnderstoodError as problem:
        return RefundUnknown(str(problem))
    if error.get("type") == "idempotency_error":
        return RefundUnknown("the key was used before, for something else")
    return RefundRefused(stripe_wire.remark(answer, error))


def build_read_refunds(access: Access, payment_reference: str) -> HttpRequest:
    """Write the request that reads the refunds of one payment."""
    query = urlencode({"payment_intent": payment_reference, "limit": "100"})
    return stripe_wire.get(access, f"/v1/refunds?{query}")


def parse_read_refunds(answer: HttpAnswer) -> RefundRead:
    """Translate what Stripe says; its lists begin with the newest."""
    if answer.status in {401, 403}:
        return Unreadable("not authorised")
    if answer.status != 200:
        return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
    try:
        return FoundRefunds(_seen_refunds(stripe_wire.body(answer, "list")))
    except NotUnderstoodError as problem:
        return Unreadable(str(problem))


def _seen_refunds(body: Mapping[str, Any]) -> tuple[SeenRefund, ...]:
    refunds = body.get("data")
    if not isinstance(refunds, list) or body.get("has_more") is not False:
        raise NotUnderstoodError("the list is not understood, or not whole")
    return tuple(_seen_refund(refund) for refund in reversed(refunds))


def _seen_refund(refund: object) -> SeenRefund:
    if not isinstance(refund, dict):
        raise NotUnderstoodError("a refund is not understood")
    metadata = refund.get("metadata")
    return SeenRefund(
        reference=parsing.name(refund, "id"),
        money=parsing.minor_units(refund, "amount"),
        state=_refund_state(refund),
        key=stripe_wire.name_or_none(metadata, "key") if isinstance(metadata, dict) else None,
    )


def _refund_state(refund: Mapping[str, Any]) -> RefundState:
    status = parsing.name(refund, "status")
    if status not in _REFUND_STATES:
        raise NotUnderstoodError(f"unsupported status {status!r}")
    return _REFUND_STATES[status]
