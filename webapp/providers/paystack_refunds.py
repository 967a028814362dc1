"""Sends money back at Paystack: asked for by the transaction's id, with our key as a note."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from webapp.providers import parsing, paystack_wire
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

_STATES: Final = {
    "pending": RefundState.PENDING,
    "processing": RefundState.PENDING,
    # Paystack waits for the buyer's bank account, which the merchant gives it on its dashboard.
    "needs-attention": RefundState.PENDING,
    "processed": RefundState.DONE,
    "failed": RefundState.FAILED,
}

# A list of as many may be the first page of more.
_PAGE: Final = 100

# Paystack writes sentences of its own where we gave no note; none of them looks like a key.
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=:-]{0,127}")

# Said of money that went back before, perhaps because we asked for it and heard nothing.
_GONE_BEFORE: Final = re.compile(r"already|revers|duplicate|in progress", re.IGNORECASE)


def build_refund(access: Access, wish: RefundWish) -> HttpRequest:
    """Write the request that sends money back; always with its amount, also the whole one."""
    content = {
        "transaction": wish.payment_reference,
        "amount": paystack_wire.hundredths(wish.money),
        "currency": wish.money.currency,
        "merchant_note": wish.key,
    }
    return paystack_wire.request(access, "POST", "/refund", content)


def parse_refund(answer: HttpAnswer) -> RefundAnswer:
    """Say what became of it. Nothing protects from paying twice: in doubt, read the refunds."""
    if answer.status in {401, 403}:
        return RefundRefused(paystack_wire.unauthorised(answer))
    if answer.status not in {200, 201, 400, 404, 422}:
        return RefundUnknown(f"status {answer.status}")
    try:
        body = paystack_wire.envelope(answer)
        if body["status"]:
            made = paystack_wire.data(body)
            return RefundAccepted(paystack_wire.identity(made.get("id")), _state(made))
    except NotUnderstoodError as error:
        return RefundUnknown(str(error))
    why = paystack_wire.remark(body) or f"status {answer.status}"
    return RefundUnknown(why) if _GONE_BEFORE.search(why) else RefundRefused(why)


def build_read_refunds(access: Access, payment_reference: str) -> HttpRequest:
    """Write the request that reads the refunds of one transaction.

    That they can be asked for by it, Paystack's own description of its API does not say: the list
    may be that of the whole account, and names whose each refund is.
    """
    query = urlencode({"transaction": payment_reference, "perPage": _PAGE})
    return paystack_wire.request(access, "GET", f"/refund?{query}")


def parse_read_refunds(answer: HttpAnswer) -> RefundRead:
    """Translate the list of refunds, if it is whole."""
    if answer.status in {401, 403}:
        return Unreadable("not authorised")
    if answer.status != 200:
        return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
    try:
        return FoundRefunds(_listed(paystack_wire.envelope(answer)))
    except NotUnderstoodError as error:
        return Unreadable(str(error))


def _listed(body: Mapping[str, Any]) -> tuple[SeenRefund, ...]:
    found = body.get("data")
    is_list = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    if body.get("status") is not True or not is_list or not isinstance(found, list):
        raise NotUnderstoodError("data is not understood")
    if len(found) >= _PAGE:
        raise NotUnderstoodError("more refunds than one page holds")
    seen = [_seen(one) for one in found]
    return tuple(sorted(seen, key=lambda refund: int(refund.reference)))


def _seen(body: Mapping[str, Any]) -> SeenRefund:
    note = body.get("merchant_note")
    return SeenRefund(
        reference=paystack_wire.identity(body.get("id")),
        money=paystack_wire.money(body.get("amount"), body.get("currency")),
        state=_state(body),
        key=note if isinstance(note, str) and _KEY.fullmatch(note) else None,
        payment=_transaction(body),
    )


def _state(body: Mapping[str, Any]) -> RefundState:
    status = parsing.name(body, "status")
    if status not in _STATES:
        raise NotUnderstoodError("the status of a refund is not understood")
    return _STATES[status]


def _transaction(body: Mapping[str, Any]) -> str:
    """Return whose refund it is: a number, or an object that has one."""
    said = body.get("transaction")
    return paystack_wire.identity(said.get("id") if isinstance(said, dict) else said)
