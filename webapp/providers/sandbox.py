"""Speaks with the sandbox bank: JSON, amounts in minor units, notices signed with a timestamp."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from webapp.core.errors import InvalidInputError
from webapp.core.money import EXPONENTS, Money
from webapp.providers import parsing, sandbox_refunds
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
    Refused,
    Unanswered,
    UnauthenticNoticeError,
    Unreadable,
)
from webapp.providers.parsing import NotUnderstoodError

CAPABILITIES = Capabilities(
    currencies=frozenset(EXPONENTS),
    min_expiry=timedelta(seconds=10),
    max_expiry=timedelta(hours=24),
    sends_notices=True,
    can_repeat_refund=True,
)

NOTICE_TOLERANCE_S: Final = 300

_STATES: Final = {
    "open": ProviderState.OPEN,
    "processing": ProviderState.PROCESSING,
    "paid": ProviderState.PAID,
    "declined": ProviderState.FAILED,
    "closed": ProviderState.CLOSED,
}

_LONGEST_LINE: Final = 255  # of a description or a name; the bank refuses longer ones
_KEY: Final = re.compile(r"sb[kn]_\S+")
_MOST_MONEY: Final = 10**15  # in minor units; more is no amount but nonsense

_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def build_create(access: Access, checkout: CheckoutRequest) -> HttpRequest:
    """Write the request that makes a checkout."""
    wish = checkout.as_json()
    del wish["buyer_email"]  # the bank has no use for it
    for line in ("description", "merchant_name"):
        wish[line] = wish[line][:_LONGEST_LINE]
    return _request(access, "POST", "/v1/checkouts", json.dumps(wish).encode())


def parse_create(answer: HttpAnswer) -> Creation:
    """Say what became of it. Where a checkout may exist, only a read can tell."""
    if answer.status in {408, 429} or not (answer.status == 201 or 400 <= answer.status < 500):
        return Unanswered(f"status {answer.status}")
    if answer.status in {401, 403}:
        return Refused("not authorised", is_unauthorised=True)
    try:
        body = parsing.body(answer)
        if answer.status == 201:
            return Created(parsing.name(body, "id"), parsing.web_address(body, "url"))
    except NotUnderstoodError as error:
        return Unanswered(str(error))  # a 4xx that is not the bank's may be a proxy's
    if answer.status == 409 and body.get("code") == "duplicate_reference":
        return Unanswered("the reference was used before")
    return Refused(parsing.line(body.get("message"), without=_KEY) or f"status {answer.status}")


def build_read(access: Access, handle: Handle) -> HttpRequest:
    """Write the request that reads a checkout, by the bank's id or else by our reference."""
    if handle.checkout_id is not None:
        return _request(access, "GET", f"/v1/checkouts/{quote(handle.checkout_id, safe='')}")
    return _request(access, "GET", f"/v1/checkouts?reference={quote(handle.reference, safe='')}")


def parse_read(answer: HttpAnswer) -> Read:
    """Translate what the bank says."""
    if answer.status not in {200, 404}:
        return parsing.unreadable(answer)
    try:
        if answer.status == 200:
            return Found(_observation(parsing.body(answer)))
        if answer.status == 404 and parsing.body(answer).get("code") == "not_found":
            return Missing()
    except NotUnderstoodError as error:
        return Unreadable(str(error))
    return parsing.unreadable(answer)


def build_close(access: Access, checkout_id: str) -> HttpRequest:
    """Write the request that closes a checkout."""
    return _request(access, "POST", f"/v1/checkouts/{quote(checkout_id, safe='')}/close")


def parse_close(answer: HttpAnswer) -> CloseAnswer:
    """Say what became of it."""
    match answer.status:
        case 200:
            return CloseAnswer.CLOSED
        case 409:
            return CloseAnswer.NOT_OPEN
        case _:
            return CloseAnswer.UNKNOWN


def parse_notice(access: Access, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
    """Authenticate the raw body of a notice and say what it points to.

    Raises:
        UnauthenticNoticeError: the signature is missing or wrong, or made more than five minutes
            from now, in either direction.
        MalformedNoticeError: it is authentic and makes no sense.
    """
    signature = _SIGNATURE.fullmatch(headers.get("sandbox-signature", ""))
    if signature is None:
        raise UnauthenticNoticeError("the signature is missing or malformed")
    signed_at, mac = signature.groups()
    signed = f"{signed_at}.".encode() + body
    expected = hmac.new(access.secrets["notice_secret"].encode(), signed, hashlib.sha256)
    if not hmac.compare_digest(expected.hexdigest(), mac):
        raise UnauthenticNoticeError("the signature is wrong")
    if abs(now.timestamp() - int(signed_at)) > NOTICE_TOLERANCE_S:
        raise UnauthenticNoticeError("the signature is too old, or from the future")
    try:
        notice = parsing.document(body)
        return Hint(
            dedupe_key=parsing.name(notice, "id"),
            kind=parsing.name(notice, "type"),
            reference=parsing.name(notice, "reference"),
            checkout_id=parsing.name(notice, "checkout_id"),
        )
    except NotUnderstoodError as error:
        raise MalformedNoticeError(str(error)) from None


build_refund = sandbox_refunds.build_refund
parse_refund = sandbox_refunds.parse_refund
build_read_refunds = sandbox_refunds.build_read_refunds
parse_read_refunds = sandbox_refunds.parse_read_refunds


def _request(access: Access, method: str, path: str, body: bytes | None = None) -> HttpRequest:
    headers = {
        "Authorization": f"Bearer {access.secrets['api_key']}",
        "Accept": "application/json",
    }
    if body is not None:
        headers["Content-Type"] = "application/json"
    return HttpRequest(method, f"{access.base_url}{path}", headers, body)


def _observation(body: Mapping[str, Any]) -> Observation:
    raw_state = parsing.name(body, "status")
    if raw_state not in _STATES:
        raise NotUnderstoodError(f"unsupported status {raw_state!r}")
    state = _STATES[raw_state]
    is_live = body.get("livemode")
    if not isinstance(is_live, bool):
        raise NotUnderstoodError("livemode is not understood")
    _money(body)
    payments = body.get("payments")
    if not isinstance(payments, list):
        raise NotUnderstoodError("payments is not understood")
    # Money without "paid", or "paid" without money, is a contradiction and no ground to act on.
    if bool(payments) is not (state is ProviderState.PAID):
        raise NotUnderstoodError(f"status {raw_state!r} with {len(payments)} payments")
    return Observation(
        account=parsing.name(body, "account"),
        checkout_id=parsing.name(body, "id"),
        reference=parsing.name(body, "reference"),
        is_live=is_live,
        state=state,
        raw_state=raw_state,
        payments=tuple(_payment(payment) for payment in payments),
        checkout_url=parsing.web_address(body, "url") if body.get("url") is not None else None,
        reason=parsing.line(body.get("reason"), without=_KEY),
    )


def _payment(payment: object) -> Payment:
    if not isinstance(payment, dict):
        raise NotUnderstoodError("a payment is not understood")
    moment = parsing.moment(payment.get("paid_at"), "paid_at")
    return Payment(parsing.name(payment, "id"), _money(payment), moment)


def _money(body: Mapping[str, Any]) -> Money:
    amount, currency = body.get("amount_minor"), body.get("currency")
    if not isinstance(currency, str) or (type(amount) is int and amount > _MOST_MONEY):
        raise NotUnderstoodError("the money is not understood")
    try:
        return Money(amount, currency)  # type: ignore[arg-type]  # Money refuses all but true ints
    except InvalidInputError:
        raise NotUnderstoodError("the money is not understood") from None
