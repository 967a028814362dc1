"""Speaks with a billing service that shops run themselves: one key, no notices, only asking.

What the service promises is little: a checkout can be asked for by its id, and 200 means that it is
still active. How one is made and cancelled is our assumption, so the paths of both may be set, as
the account's options `create_path` and `cancel_path` beside its `api_key`. In `cancel_path` the
checkout's id takes the place of `{checkout_id}`.

The service names neither its accounts nor a mode for tests: the key decides both.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from webapp.core import clock
from webapp.core.money import EXPONENTS
from webapp.providers import parsing
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
from webapp.providers.refunds import RefundAnswer, RefundRead, RefundRefused, RefundWish

CREATE_PATH: Final = "/paysession"
READ_PATH: Final = "/paysession/{checkout_id}"
CANCEL_PATH: Final = "/paysession/{checkout_id}"

CAPABILITIES = Capabilities(
    currencies=frozenset(EXPONENTS),
    min_expiry=timedelta(minutes=1),
    max_expiry=timedelta(hours=24),
    sends_notices=False,
    recovery=Recovery.SAME_REQUEST,
    can_refund=False,
)

_STATES: Final = {
    "open": ProviderState.OPEN,
    "success": ProviderState.PAID,
    "failure": ProviderState.ATTEMPT_FAILED,
    "timeout": ProviderState.CLOSED,
}

# What its keys look like is told nowhere: no long word of the service's gets into a log.
_KEY: Final = re.compile(r"\S{20,}")


def build_create(access: Access, checkout: CheckoutRequest) -> HttpRequest:
    """Write the request that makes a checkout; the same one again makes no second one."""
    wish = {
        "reference": checkout.reference,
        "amount": checkout.money.minor,
        "currency": checkout.money.currency,
        "description": checkout.description,
        "return_url": checkout.return_url,
        "expires_at": clock.iso(checkout.expires_at),
    }
    more = {"Content-Type": "application/json", "Idempotency-Key": checkout.reference}
    path = access.options.get("create_path", CREATE_PATH)
    return _request(access, "POST", path, more, json.dumps(wish).encode())


def parse_create(answer: HttpAnswer) -> Creation:
    """Say what became of it. Where a checkout may exist, the same request again tells."""
    if answer.status in {401, 403}:
        return Refused("not authorised", is_unauthorised=True)
    is_made = answer.status in {200, 201}  # the second time it may well be 200
    if answer.status in {408, 409, 425, 429} or not (is_made or 400 <= answer.status < 500):
        return Unanswered(f"status {answer.status}")
    try:
        body = parsing.body(answer)
        if is_made:
            return Created(
                parsing.name(body, "checkout_id"),
                parsing.web_address(body, "url"),
                _name_or_none(body, "order_id"),
            )
    except NotUnderstoodError as error:
        return Unanswered(str(error))  # a 4xx that is not the service's may be a proxy's
    return Refused(parsing.line(body.get("message"), without=_KEY) or f"status {answer.status}")


def build_read(access: Access, handle: Handle) -> HttpRequest:
    """Write the request that reads a checkout, by its id.

    The service finds none by our reference. Without an id this only asks what can be done at the
    address where checkouts are made: the answer to that is never understood as a checkout.
    """
    if handle.checkout_id is None:
        return _request(access, "OPTIONS", access.options.get("create_path", CREATE_PATH))
    return _request(access, "GET", _about(READ_PATH, handle.checkout_id))


def parse_read(answer: HttpAnswer) -> Read:
    """Translate what the service says; any status but 200 and 404 is told by its number."""
    if answer.status == 404:
        return Missing()
    if answer.status != 200:
        is_unauthorised = answer.status in {401, 403}
        wait_s = parsing.retry_after_s(answer)
        return Unreadable(f"status {answer.status}", wait_s, is_unauthorised=is_unauthorised)
    try:
        return Found(_observation(parsing.body(answer)))
    except NotUnderstoodError as error:
        return Unreadable(str(error))


def build_close(access: Access, checkout_id: str) -> HttpRequest:
    """Write the request that cancels a checkout."""
    path = access.options.get("cancel_path", CANCEL_PATH)
    return _request(access, "DELETE", _about(path, checkout_id))


def parse_close(answer: HttpAnswer) -> CloseAnswer:
    """Say what became of it."""
    if answer.status in {405, 409, 501}:  # it has no way to, or not for this one
        return CloseAnswer.NOT_OPEN
    try:
        is_closed = answer.status == 200 and parsing.body(answer).get("status") == "timeout"
    except NotUnderstoodError:
        is_closed = False
    return CloseAnswer.CLOSED if is_closed else CloseAnswer.UNKNOWN


def parse_notice(access: Access, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
    """Refuse: the service sends no notices, so whatever comes is not from it.

    Raises:
        UnauthenticNoticeError: always.
    """
    del access, headers, body, now
    raise UnauthenticNoticeError("the billing service sends no notices")


def build_refund(access: Access, wish: RefundWish) -> HttpRequest:
    """Write a question that changes nothing, since the service describes no way to send back."""
    return build_read(access, Handle(wish.key, wish.payment_reference))


def parse_refund(answer: HttpAnswer) -> RefundAnswer:
    """Refuse, whatever came."""
    del answer
    return RefundRefused("the billing service sends no money back: do it by hand")


def build_read_refunds(access: Access, payment_reference: str) -> HttpRequest:
    """Write a question; the answer will say nothing of refunds."""
    return build_read(access, Handle(payment_reference, payment_reference))


def parse_read_refunds(answer: HttpAnswer) -> RefundRead:
    """Say that nothing is known, which is not "none"."""
    del answer
    return Unreadable("the billing service does not tell of refunds")


def _request(
    access: Access,
    method: str,
    path: str,
    more: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> HttpRequest:
    headers = {"x-api-key": access.secrets["api_key"], "Accept": "application/json", **(more or {})}
    return HttpRequest(method, f"{access.base_url}{path}", headers, body)


def _about(path: str, checkout_id: str) -> str:
    return path.replace("{checkout_id}", quote(checkout_id, safe=""))


def _observation(body: Mapping[str, Any]) -> Observation:
    said = body.get("status")
    state = _STATES.get(said, ProviderState.OPEN) if isinstance(said, str) else ProviderState.OPEN
    # A service that only says "still active" may name nothing: then it is what we asked about.
    is_named = state is not ProviderState.OPEN or "checkout_id" in body or "reference" in body
    checkout_id = parsing.name(body, "checkout_id") if is_named else ""
    payments: tuple[Payment, ...] = ()
    if state is ProviderState.PAID:
        # The service takes one payment for a checkout and has no other name for it.
        money = parsing.minor_units(body, "amount")
        payments = (Payment(checkout_id, money, _moment(body.get("paid_at"))),)
    return Observation(
        account=None,  # the service does not say: the key decides
        checkout_id=checkout_id,
        reference=parsing.name(body, "reference") if is_named else "",
        is_live=None,  # nor this
        state=state,
        raw_state=parsing.line(said, without=_KEY) or "200",
        payments=payments,
        order_id=_name_or_none(body, "order_id"),
    )


def _name_or_none(body: Mapping[str, Any], key: str) -> str | None:
    return None if body.get(key) is None else parsing.name(body, key)


def _moment(paid_at: object) -> datetime | None:
    """Return when it was paid. How the service writes it is told nowhere, so it may be unclear."""
    try:
        return clock.parse(paid_at) if isinstance(paid_at, str) else None
    except (ValueError, OverflowError):
        return None
