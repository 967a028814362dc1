"""Sends money back at SumUp: asked for by transaction, seen in the transaction's events."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from webapp.providers import parsing, sumup_wire
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

# Of a refund's event. It is in the books once it is there at all, unless it says otherwise.
_STATES: Final = {
    "PENDING": RefundState.PENDING,
    "SCHEDULED": RefundState.PENDING,
    "RECONCILED": RefundState.DONE,
    "REFUNDED": RefundState.DONE,
    "SUCCESSFUL": RefundState.DONE,
    "PAID_OUT": RefundState.DONE,
    "FAILED": RefundState.FAILED,
}


def build_refund(access: Access, wish: RefundWish) -> HttpRequest:
    """Write the request that sends money back; always with its amount, also the whole one."""
    payment = quote(wish.payment_reference, safe="")
    path = f"/v1.0/merchants/{quote(access.account, safe='')}/payments/{payment}/refunds"
    return sumup_wire.request(access, "POST", path, f'{{"amount": {wish.money.major}}}')


def parse_refund(answer: HttpAnswer) -> RefundAnswer:
    """Say what became of it. SumUp names no refund here: its books do, a moment later."""
    if answer.status == 201:
        return RefundAccepted(reference=None, state=RefundState.PENDING)
    if answer.status in {401, 403}:
        return RefundRefused(sumup_wire.unauthorised(answer))
    # 409: "not refundable in its current state", which it also is when it was refunded before.
    if answer.status in {400, 404, 422}:
        try:
            why = sumup_wire.remark(sumup_wire.content(answer))
        except NotUnderstoodError as error:
            return RefundUnknown(str(error))
        if why is not None:
            return RefundRefused(why)
    return RefundUnknown(f"status {answer.status}")


def build_read_refunds(access: Access, payment_reference: str) -> HttpRequest:
    """Write the request that reads a transaction with its events."""
    path = f"/v2.1/merchants/{quote(access.account, safe='')}/transactions"
    return sumup_wire.request(access, "GET", f"{path}?id={quote(payment_reference, safe='')}")


def parse_read_refunds(answer: HttpAnswer) -> RefundRead:
    """Translate the events of a transaction. A new one may be unknown there for a while."""
    if answer.status in {401, 403}:
        return Unreadable("not authorised")
    if answer.status != 200:
        return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
    try:
        transaction = sumup_wire.document(answer)
        parsing.name(transaction, "id")
        events = sumup_wire.listed(transaction, "transaction_events")
        refunds = [event for event in events if event.get("event_type") == "REFUND"]
        seen = sorted((_refund(event, transaction) for event in refunds), key=lambda pair: pair[0])
    except NotUnderstoodError as error:
        return Unreadable(str(error))
    return FoundRefunds(tuple(refund for _, refund in seen))


def _refund(
    event: Mapping[str, Any], transaction: Mapping[str, Any]
) -> tuple[datetime, SeenRefund]:
    number, status = event.get("id"), event.get("status")
    if type(number) is not int or number < 0:
        raise NotUnderstoodError("the id of a refund is not understood")
    if not isinstance(status, str) or status not in _STATES:
        raise NotUnderstoodError("the status of a refund is not understood")
    refund = SeenRefund(
        reference=str(number),
        money=sumup_wire.money(event.get("amount"), transaction.get("currency")),
        state=_STATES[status],
    )
    return parsing.moment(event.get("timestamp"), "timestamp") or datetime.max.replace(
        tzinfo=UTC
    ), refund
