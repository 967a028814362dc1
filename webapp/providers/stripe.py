"""Speaks with Stripe Checkout: forms go out, JSON comes in, notices are signed with a timestamp.

A merchant's secrets here are its `api_key` and the `notice_secret` of its webhook endpoint; its
option is `connected_account` where the key is a platform's. A restricted key needs to write
checkout sessions and refunds, and to read payment intents and charges.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from webapp.core.money import Money
from webapp.providers import parsing, stripe_refunds, stripe_wire
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

NOTICE_TOLERANCE_S: Final = 300

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. What a merchant's own
# settlement currency asks for may be more; then Stripe refuses, and says so.
_LEAST: Final = {
    "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "JPY": 50, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "USD": 50,
}  # fmt: skip
# Not among them: BGN and HRK, which the euro replaced, and GHS, which Stripe does not list.
_CURRENCIES: Final = frozenset(_LEAST) | {"CLP", "COP", "KES", "NGN", "XOF", "ZAR"}

CAPABILITIES = Capabilities(
    currencies=_CURRENCIES,
    # Stripe's own limit is 30 minutes. A request that got lost is sent again word for word, and
    # must be well above it then too.
    min_expiry=timedelta(minutes=35),
    max_expiry=timedelta(hours=24),
    sends_notices=True,
    recovery=Recovery.SAME_REQUEST,
    can_repeat_refund=True,
    least=_LEAST,
    most=dict.fromkeys(_CURRENCIES, 99_999_999),  # eight digits, whatever the currency
)

_LONGEST_DESCRIPTION: Final = 250
_SIGNED_AT: Final = re.compile(r"[0-9]{1,12}")
_MAC: Final = re.compile(r"[0-9a-f]{64}")
_LAST_SECOND: Final = 2**33  # more is no moment but nonsense

# How far a payment is; None where it was not told in full.
_ON_ITS_WAY: Final = ("processing", "requires_capture", "succeeded")
_AT_REST: Final = (
    None,
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "canceled",
)


def build_create(access: Access, checkout: CheckoutRequest) -> HttpRequest:
    """Write the request that makes a session; sent again within a day, it makes no second one."""
    joint = "&" if "?" in checkout.return_url else "?"
    price = "line_items[0][price_data]"
    form = {
        "mode": "payment",
        "client_reference_id": checkout.reference,
        # A session does not name its account, so it carries the one it was made under.
        "metadata[account]": access.account,
        "payment_intent_data[metadata][reference]": checkout.reference,
        "success_url": f"{checkout.return_url}{joint}session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": checkout.return_url,
        "expires_at": str(int(checkout.expires_at.timestamp())),
        # Other ways of paying may take days to say whether the money came.
        "allowed_payment_method_types[0]": "card",
        "adaptive_pricing[enabled]": "false",
        "line_items[0][quantity]": "1",
        f"{price}[currency]": checkout.money.currency.lower(),
        f"{price}[unit_amount]": str(checkout.money.minor),
        f"{price}[product_data][name]": checkout.description[:_LONGEST_DESCRIPTION],
    }
    return stripe_wire.post(access, "/v1/checkout/sessions", form, key=checkout.reference)


def parse_create(answer: HttpAnswer) -> Creation:
    """Say what became of it. Where a session may exist, the same request again tells."""
    if stripe_wire.is_in_doubt(answer):
        return Unanswered(f"status {answer.status}")
    if answer.status in {401, 403}:
        return Refused("not authorised", is_unauthorised=True)
    try:
        if answer.status == 200:
            session = stripe_wire.body(answer, "checkout.session")
            return Created(parsing.name(session, "id"), parsing.web_address(session, "url"))
        error = stripe_wire.error(answer)
    except NotUnderstoodError as problem:
        return Unanswered(str(problem))  # a 4xx that is not Stripe's may be a proxy's
    if error.get("type") == "idempotency_error":
        return Unanswered("the reference was used before, for something else")
    return Refused(stripe_wire.remark(answer, error))


def build_read(access: Access, handle: Handle) -> HttpRequest:
    """Write the request that reads a session with its payment, by Stripe's id.

    Stripe finds no session by our reference. Asked for one without an id, this writes a request
    whose answer, a list, is never understood as a session that is there or is missing.
    """
    if handle.checkout_id is None:
        return stripe_wire.get(access, "/v1/checkout/sessions?limit=1")
    query = urlencode({"expand[0]": "payment_intent.latest_charge"})
    path = f"/v1/checkout/sessions/{quote(handle.checkout_id, safe='')}"
    return stripe_wire.get(access, f"{path}?{query}")


def parse_read(answer: HttpAnswer) -> Read:
    """Translate what Stripe says."""
    if answer.status not in {200, 404}:
        return parsing.unreadable(answer)
    try:
        if answer.status == 200:
            return Found(_observation(stripe_wire.body(answer, "checkout.session")))
        if answer.status == 404:
            error = stripe_wire.error(answer)
            if "similar object exists in" in str(error.get("message")):
                return Unreadable("the key is of the other mode")
            if error.get("code") == "resource_missing":
                return Missing()
    except NotUnderstoodError as problem:
        return Unreadable(str(problem))
    return parsing.unreadable(answer)


def build_close(access: Access, checkout_id: str) -> HttpRequest:
    """Write the request that expires a session."""
    return stripe_wire.post(
        access, f"/v1/checkout/sessions/{quote(checkout_id, safe='')}/expire", {}
    )


def parse_close(answer: HttpAnswer) -> CloseAnswer:
    """Say what became of it. One that cannot be expired may just have been paid."""
    try:
        if answer.status == 200:
            is_closed = stripe_wire.body(answer, "checkout.session").get("status") == "expired"
            return CloseAnswer.CLOSED if is_closed else CloseAnswer.UNKNOWN
        if answer.status == 400:
            said = str(stripe_wire.error(answer).get("message"))
            return CloseAnswer.NOT_OPEN if "can be expired" in said else CloseAnswer.UNKNOWN
    except NotUnderstoodError:
        pass
    return CloseAnswer.UNKNOWN


def parse_notice(access: Access, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
    """Authenticate the raw body of an event and say what it points to.

    Raises:
        UnauthenticNoticeError: the signature is missing or wrong, or made more than five minutes
            from now, in either direction.
        MalformedNoticeError: it is authentic and no snapshot event.
    """
    parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
    times = [value for scheme, _, value in parts if scheme == "t"]
    macs = [value for scheme, _, value in parts if scheme == "v1" and _MAC.fullmatch(value)]
    secret = access.secrets.get("notice_secret", "")
    if len(times) != 1 or not _SIGNED_AT.fullmatch(times[0]) or not macs or not secret:
        raise UnauthenticNoticeError("the signature is missing or malformed")
    signed = f"{times[0]}.".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    # While a secret is being changed, Stripe signs with the old one and with the new one.
    if not any(hmac.compare_digest(expected, mac) for mac in macs):
        raise UnauthenticNoticeError("the signature is wrong")
    if abs(now.timestamp() - int(times[0])) > NOTICE_TOLERANCE_S:
        raise UnauthenticNoticeError("the signature is too old, or from the future")
    try:
        return _hint(parsing.document(body))
    except NotUnderstoodError as problem:
        raise MalformedNoticeError(str(problem)) from None


build_refund = stripe_refunds.build_refund
parse_refund = stripe_refunds.parse_refund
build_read_refunds = stripe_refunds.build_read_refunds
parse_read_refunds = stripe_refunds.parse_read_refunds


def _observation(session: Mapping[str, Any]) -> Observation:
    intent = _expanded(session, "payment_intent")
    charge = _expanded(intent, "latest_charge")
    status, paid = parsing.name(session, "status"), parsing.name(session, "payment_status")
    state, raw_state = _state(status, paid, intent), f"{status}/{paid}"
    payments: tuple[Payment, ...] = ()
    back = None
    if state is ProviderState.PAID:
        payments = (_payment(session, intent, charge),)
        went_back = _went_back(charge)
        if went_back:
            state, raw_state = ProviderState.REVERSED, f"{raw_state}, {went_back}"
            back = None if charge.get("disputed") is True else _refunded(charge)
    is_live, metadata = session.get("livemode"), session.get("metadata")
    if not isinstance(is_live, bool) or not isinstance(metadata, dict):
        raise NotUnderstoodError("livemode or metadata is not understood")
    problem = intent.get("last_payment_error")
    said = problem.get("message") if isinstance(problem, dict) else None
    has_url = session.get("url") is not None  # only while it can be paid
    return Observation(
        account=parsing.name(metadata, "account"),
        checkout_id=parsing.name(session, "id"),
        reference=parsing.name(session, "client_reference_id"),
        is_live=is_live,
        state=state,
        raw_state=raw_state,
        payments=payments,
        checkout_url=parsing.web_address(session, "url") if has_url else None,
        reason=parsing.line(said, without=stripe_wire.KEY),
        went_back=back,
    )


def _refunded(charge: Mapping[str, Any]) -> Money:
    return parsing.minor_units(charge, "amount_refunded")


def _state(status: str, paid: str, intent: Mapping[str, Any]) -> ProviderState:
    """Join what the session says with what its payment says, which may be ahead of it."""
    if status not in {"open", "complete", "expired"} or paid not in {"paid", "unpaid"}:
        raise NotUnderstoodError(f"unsupported status {status!r} with {paid!r}")
    if paid == "paid":
        return ProviderState.PAID
    if intent.get("status") in _ON_ITS_WAY:
        return ProviderState.PROCESSING
    if intent.get("status") not in _AT_REST:
        raise NotUnderstoodError("the payment's status is not understood")
    if status == "expired":
        return ProviderState.CLOSED
    if intent.get("last_payment_error") is not None:
        return ProviderState.ATTEMPT_FAILED
    return ProviderState.OPEN if status == "open" else ProviderState.PROCESSING


def _payment(
    session: Mapping[str, Any], intent: Mapping[str, Any], charge: Mapping[str, Any]
) -> Payment:
    """Read what was taken; where the payment was not told in full, the session's total."""
    if "amount_received" in intent:
        money = parsing.minor_units(intent, "amount_received")
    else:
        money = parsing.minor_units(session, "amount_total")
    made, paid_at = charge.get("created"), None
    if made is not None:
        if type(made) is not int or not 0 < made < _LAST_SECOND:
            raise NotUnderstoodError("the charge's time is not understood")
        paid_at = datetime.fromtimestamp(made, UTC)
    return Payment(parsing.name(intent, "id"), money, paid_at)


def _went_back(charge: Mapping[str, Any]) -> str | None:
    """Say how much went back, or that the buyer's bank asks for it; None while nothing did."""
    refunded = charge.get("amount_refunded", 0)
    if type(refunded) is not int:
        raise NotUnderstoodError("amount_refunded is not understood")
    if charge.get("disputed") is True:
        return "disputed"
    return f"refunded {refunded}" if refunded else None


def _expanded(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a part that was asked for in full; only its id where it comes as that."""
    part = body.get(key)
    if part is None:
        return {}
    if isinstance(part, str):
        return {"id": part}
    if not isinstance(part, dict):
        raise NotUnderstoodError(f"{key} is not understood")
    return part


def _hint(event: Mapping[str, Any]) -> Hint:
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if event.get("object") != "event" or not isinstance(about, dict):
        raise NotUnderstoodError("the body is no snapshot event")
    is_session = about.get("object") == "checkout.session"
    return Hint(
        dedupe_key=parsing.name(event, "id"),
        kind=parsing.name(event, "type"),
        reference=stripe_wire.name_or_none(about, "client_reference_id") if is_session else None,
        checkout_id=parsing.name(about, "id") if is_session else None,
        # Charges, refunds and disputes name the money and not the session.
        payment_reference=None if is_session else _intent_of(about),
    )


def _intent_of(about: Mapping[str, Any]) -> str | None:
    intent = about.get("payment_intent")
    return intent if isinstance(intent, str) and 0 < len(intent) <= 128 else None
