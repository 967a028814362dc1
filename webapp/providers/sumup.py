"""Speaks with SumUp: JSON, money in major units, a hosted page, callbacks that prove nothing.

A bearer is an API key or an access token of OAuth; SumUp takes both alike. `event_secret`, where
an account has one, opens the signed events that come beside the unsigned callbacks.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from webapp.core import clock
from webapp.core.money import EXPONENTS
from webapp.providers import parsing, sumup_refunds, sumup_wire
from webapp.providers.base import (
    Access,
    Capabilities,
    CheckoutRequest,
    CloseAnswer,
    Created,
    Creation,
    Found,
    Handle,
    Hint,
    HttpAnswer,
    HttpRequest,
    MalformedNoticeError,
    Missing,
    Observation,
    Payment,
    ProviderState,
    Read,
    Recovery,
    Refused,
    Unanswered,
    UnauthenticNoticeError,
    Unreadable,
)
from webapp.providers.parsing import NotUnderstoodError

CAPABILITIES = Capabilities(
    # What SumUp takes and our money knows; an account takes only its own one.
    currencies=frozenset(
        {"BRL", "CHF", "CLP", "COP", "CZK", "DKK", "EUR", "GBP", "HRK", "NOK", "PLN", "RON"}
        | {"SEK", "USD"}
    )
    & frozenset(EXPONENTS),
    min_expiry=timedelta(),
    # The hosted page lives so long. A checkout that outlived it would hold the buyer up, who has
    # no page any more to pay it on.
    max_expiry=timedelta(minutes=30),
    sends_notices=True,
    signs_notices=False,
    recovery=Recovery.REFERENCE,
)

EVENT_TOLERANCE_S: Final = 300

_LONGEST_DESCRIPTION: Final = 255

_STATES: Final = {
    "PENDING": ProviderState.OPEN,
    "FAILED": ProviderState.ATTEMPT_FAILED,  # the same checkout can be tried again, and paid
    "PAID": ProviderState.PAID,
    "EXPIRED": ProviderState.CLOSED,
}

_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-fA-F]{64})")


def build_create(access: Access, checkout: CheckoutRequest) -> HttpRequest:
    """Write the request that makes a checkout with a hosted page."""
    wish = {
        "checkout_reference": checkout.reference,
        "currency": checkout.money.currency,
        "merchant_code": access.account,
        "description": checkout.description[:_LONGEST_DESCRIPTION],
        "return_url": checkout.notice_url,  # SumUp's words: this one is for the server,
        "redirect_url": checkout.return_url,  # and this one for the browser
        "valid_until": clock.iso(checkout.expires_at),
        "hosted_checkout": {"enabled": True},
    }
    # The amount is written as it is: json knows no exact fractions.
    body = f'{{"amount": {checkout.money.major}, {json.dumps(wish)[1:]}'
    return sumup_wire.request(access, "POST", "/v0.1/checkouts", body)


def parse_create(answer: HttpAnswer) -> Creation:
    """Say what became of it. Where a checkout may exist, only a read can tell."""
    if answer.status in {401, 403}:
        return Refused(sumup_wire.unauthorised(answer), is_unauthorised=answer.status == 401)
    try:
        if answer.status == 201:
            made = sumup_wire.document(answer)
            return Created(
                parsing.name(made, "id"), parsing.web_address(made, "hosted_checkout_url")
            )
        # 409 says that the reference was used before: by ourselves, since it is ours alone.
        if answer.status in {408, 409, 429} or not 400 <= answer.status < 500:
            return Unanswered(f"status {answer.status}")
        why = sumup_wire.remark(sumup_wire.content(answer))
    except NotUnderstoodError as error:
        return Unanswered(str(error))  # a 4xx that is not SumUp's may be a proxy's
    return Refused(why) if why else Unanswered(f"status {answer.status}, no known error")


def build_read(access: Access, handle: Handle) -> HttpRequest:
    """Write the request that reads a checkout, by SumUp's id or else by our reference."""
    if handle.checkout_id is not None:
        return sumup_wire.request(
            access, "GET", f"/v0.1/checkouts/{quote(handle.checkout_id, safe='')}"
        )
    path = f"/v0.1/checkouts?checkout_reference={quote(handle.reference, safe='')}"
    return sumup_wire.request(access, "GET", path)


def parse_read(answer: HttpAnswer) -> Read:
    """Translate what SumUp says: one checkout by its id, or an array of them by our reference."""
    if answer.status not in {200, 404}:
        return parsing.unreadable(answer)
    try:
        if answer.status == 200:
            return _found(sumup_wire.content(answer))
        if answer.status == 404:
            code = sumup_wire.code(sumup_wire.content(answer))
            # Not `not-found`: so speaks the gateway of addresses that it does not know.
            if code in {"NOT_FOUND", "checkout-not-found"}:
                return Missing()
    except NotUnderstoodError as error:
        return Unreadable(str(error))
    return parsing.unreadable(answer)


def build_close(access: Access, checkout_id: str) -> HttpRequest:
    """Write the request that deactivates a checkout."""
    return sumup_wire.request(access, "DELETE", f"/v0.1/checkouts/{quote(checkout_id, safe='')}")


def parse_close(answer: HttpAnswer) -> CloseAnswer:
    """Say what became of it. A 409 may mean paid, being paid, or closed before: read it."""
    match answer.status:
        case 200:
            return CloseAnswer.CLOSED
        case 409:
            return CloseAnswer.NOT_OPEN
        case _:
            return CloseAnswer.UNKNOWN


def parse_notice(access: Access, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
    """Say what a notice points to: an unsigned callback, or an event that has to be signed.

    What guards the callback is the unguessable address it is sent to. It has no name of its own
    and says the same at every change, so its dedupe key is the checkout's: the notice is stored
    once, and each of its repetitions still pulls the next read forward. Events of kinds that we do
    not know are hints like the others, since nothing but a read comes of any.

    Raises:
        UnauthenticNoticeError: it carries a signature that is wrong, more than five minutes from
            now in either direction, or of an account without a secret.
        MalformedNoticeError: it is neither a callback nor an event.
    """
    signature = headers.get("x-sumup-webhook-signature")
    if signature is not None:
        _check(access.secrets.get("event_secret"), signature, body, now)
    try:
        notice = parsing.document(body)
        return _callback(notice) if signature is None else _event(notice)
    except NotUnderstoodError as error:
        raise MalformedNoticeError(str(error)) from None


# Sending money back has a file of its own, and belongs to the adapter all the same.
build_refund = sumup_refunds.build_refund
parse_refund = sumup_refunds.parse_refund
build_read_refunds = sumup_refunds.build_read_refunds
parse_read_refunds = sumup_refunds.parse_read_refunds


def _found(said: object) -> Read:
    if isinstance(said, list):
        if not said:
            return Missing()
        if len(said) > 1:
            raise NotUnderstoodError(f"{len(said)} checkouts where one was asked for")
        said = said[0]
    if not isinstance(said, dict):
        raise NotUnderstoodError("the checkout is no JSON object")
    return Found(_observation(said))


def _observation(body: Mapping[str, Any]) -> Observation:
    raw_state = parsing.name(body, "status")
    if raw_state not in _STATES:
        raise NotUnderstoodError(f"unsupported status {raw_state!r}")
    sumup_wire.money(body.get("amount"), body.get("currency"))
    state, payments = _settled(body, raw_state)
    url = body.get("hosted_checkout_url")
    return Observation(
        account=parsing.name(body, "merchant_code"),
        checkout_id=parsing.name(body, "id"),
        reference=parsing.name(body, "checkout_reference"),
        is_live=None,  # SumUp does not say: it is the merchant's nature
        state=state,
        raw_state=raw_state,
        payments=payments,
        checkout_url=None if url is None else parsing.web_address(body, "hosted_checkout_url"),
        went_back=payments[0].money if state is ProviderState.REVERSED else None,
    )


def _settled(body: Mapping[str, Any], raw_state: str) -> tuple[ProviderState, tuple[Payment, ...]]:
    """Say what the status means together with the transactions, one for each try."""
    tries = sumup_wire.listed(body, "transactions") if body.get("transactions") else []
    taken = [one for one in tries if one.get("status") in {"SUCCESSFUL", "REFUNDED"}]
    if raw_state == "PAID":
        return _paid(body, taken)
    if raw_state == "PENDING":
        is_moving = bool(taken) or any(one.get("status") == "PENDING" for one in tries)
        return ProviderState.PROCESSING if is_moving else ProviderState.OPEN, ()
    # Money without "paid" is a contradiction and no ground to act on.
    if taken:
        raise NotUnderstoodError(f"status {raw_state!r} with a successful transaction")
    return _STATES[raw_state], ()


def _paid(
    body: Mapping[str, Any], taken: list[dict[str, Any]]
) -> tuple[ProviderState, tuple[Payment, ...]]:
    """Return the money that was taken: nearly always once, by the transaction that is named."""
    by_id = {parsing.name(one, "id"): one for one in taken}
    named = by_id.get(parsing.name(body, "transaction_id"))
    if named is None or len(by_id) < len(taken):
        raise NotUnderstoodError("status 'PAID' without its one successful transaction")
    if named["status"] == "REFUNDED":
        return ProviderState.REVERSED, tuple(_payment(one, body) for one in taken)
    kept = [one for one in taken if one["status"] == "SUCCESSFUL"]
    return ProviderState.PAID, tuple(_payment(one, body) for one in kept)


def _payment(transaction: Mapping[str, Any], checkout: Mapping[str, Any]) -> Payment:
    merchant = transaction.get("merchant_code")
    if merchant is not None and merchant != checkout.get("merchant_code"):
        raise NotUnderstoodError("a transaction is of another merchant")
    return Payment(
        parsing.name(transaction, "id"),
        sumup_wire.money(transaction.get("amount"), transaction.get("currency")),
        parsing.moment(transaction.get("timestamp"), "timestamp"),
    )


def _check(secret: str | None, header: str, body: bytes, now: datetime) -> None:
    """Authenticate an event by its signature over the time, spelled as it came, and raw bytes."""
    signature = _SIGNATURE.fullmatch(header)
    if signature is None or not secret:
        raise UnauthenticNoticeError("the signature is malformed, or this account has no secret")
    signed_at, mac = signature.groups()
    expected = hmac.new(secret.encode(), f"v1:{signed_at}:".encode() + body, hashlib.sha256)
    if not hmac.compare_digest(expected.hexdigest(), mac.lower()):
        raise UnauthenticNoticeError("the signature is wrong")
    if abs(int(now.timestamp()) - int(signed_at)) > EVENT_TOLERANCE_S:
        raise UnauthenticNoticeError("the signature is too old, or from the future")


def _callback(notice: Mapping[str, Any]) -> Hint:
    kind, checkout_id = parsing.name(notice, "event_type"), parsing.name(notice, "id")
    return Hint(
        dedupe_key=checkout_id,
        kind=kind,
        reference=None,
        checkout_id=checkout_id,
        is_signed=False,
    )


def _event(notice: Mapping[str, Any]) -> Hint:
    subject = notice.get("object")
    if not isinstance(subject, dict):
        raise NotUnderstoodError("object is not understood")
    is_checkout = parsing.name(subject, "type") == "checkout"
    return Hint(
        dedupe_key=parsing.name(notice, "id"),
        kind=parsing.name(notice, "type"),
        reference=None,
        checkout_id=parsing.name(subject, "id") if is_checkout else None,
    )
