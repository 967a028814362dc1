"""Speaks with Paystack: JSON in an envelope, hundredths, a buyer's address, and no way to close.

A transaction goes by our reference alone: Paystack reads it by nothing else, so that reference is
the checkout's id here too. `previous_api_key`, where an account has one, opens the notices that
were signed before its key was changed.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from webapp.core.money import EXPONENTS
from webapp.providers import parsing, paystack_refunds, paystack_wire
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
    currencies=frozenset({"GHS", "KES", "NGN", "USD", "XOF", "ZAR"}) & frozenset(EXPONENTS),
    # A transaction has no end of its own, so ours is never sent, and any is as good.
    min_expiry=timedelta(),
    max_expiry=timedelta(days=3650),
    sends_notices=True,
    # A lost answer took the address with it: the same reference again is refused.
    recovery=Recovery.WATCH_ONLY,
    can_close=False,
    needs_email=True,
    least={"GHS": 10, "KES": 300, "NGN": 5000, "USD": 200, "XOF": 1, "ZAR": 100},
)

_LONGEST_DESCRIPTION: Final = 255

_STATES: Final = {
    "abandoned": ProviderState.OPEN,  # also of a transaction that nobody has touched yet
    "ongoing": ProviderState.PROCESSING,
    "pending": ProviderState.PROCESSING,
    "processing": ProviderState.PROCESSING,
    "queued": ProviderState.PROCESSING,
    "success": ProviderState.PAID,
    "failed": ProviderState.ATTEMPT_FAILED,
    "reversed": ProviderState.REVERSED,
}
_WITH_MONEY: Final = frozenset({ProviderState.PAID, ProviderState.REVERSED})

_MODES: Final = {"live": True, "test": False}

# Said by 400 and by 404, so that the words count and not the number.
_UNKNOWN: Final = re.compile(
    r"(?:transaction(?: reference)?|entity) not found\.?", flags=re.IGNORECASE
)
_USED: Final = re.compile(r"duplicate transaction reference\.?", flags=re.IGNORECASE)

_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{128}")


def build_create(access: Access, checkout: CheckoutRequest) -> HttpRequest:
    """Write the request that makes a transaction.

    Notices come to the one address of the account's dashboard, and there is no end to send.
    """
    wish: dict[str, object] = {
        "amount": paystack_wire.hundredths(checkout.money),
        "currency": checkout.money.currency,
        "reference": checkout.reference,
        "callback_url": checkout.return_url,
        "metadata": {
            "cancel_action": checkout.return_url,
            "description": checkout.description[:_LONGEST_DESCRIPTION],
        },
    }
    if checkout.buyer_email is not None:
        wish["email"] = checkout.buyer_email
    return paystack_wire.request(access, "POST", "/transaction/initialize", wish)


def parse_create(answer: HttpAnswer) -> Creation:
    """Say what became of it. Where a transaction may exist, only a read can tell."""
    if answer.status in {401, 403}:
        return Refused(paystack_wire.unauthorised(answer), is_unauthorised=answer.status == 401)
    is_refusal = 400 <= answer.status < 500 and answer.status not in {408, 409, 429}
    if answer.status != 200 and not is_refusal:
        return Unanswered(f"status {answer.status}")
    try:
        body = paystack_wire.envelope(answer)
        if answer.status == 200 and body["status"]:
            made = paystack_wire.data(body)
            return Created(
                parsing.name(made, "reference"), parsing.web_address(made, "authorization_url")
            )
    except NotUnderstoodError as error:
        return Unanswered(str(error))  # a 4xx that is not Paystack's may be a proxy's
    if body["status"]:
        return Unanswered(f"status {answer.status} that calls itself a success")
    if body.get("code") == "duplicate_reference" or _says(body, _USED):
        return Unanswered("the reference was used before")
    return Refused(paystack_wire.remark(body) or f"status {answer.status}")


def build_read(access: Access, handle: Handle) -> HttpRequest:
    """Write the request that verifies a transaction, by the one name it has."""
    return _verify(access, handle.checkout_id or handle.reference)


def parse_read(answer: HttpAnswer) -> Read:
    """Translate what Paystack says."""
    if answer.status not in {200, 400, 404}:
        return parsing.unreadable(answer)
    try:
        body = paystack_wire.envelope(answer)
        if answer.status == 200 and body["status"]:
            return Found(_observation(paystack_wire.data(body)))
    except NotUnderstoodError as error:
        return Unreadable(str(error))
    is_unknown = body.get("code") == "transaction_not_found" or _says(body, _UNKNOWN)
    if is_unknown and not body["status"]:
        return Missing()
    return Unreadable(paystack_wire.remark(body) or f"status {answer.status}")


def build_close(access: Access, checkout_id: str) -> HttpRequest:
    """Write a request that closes nothing: Paystack has none for it, so this one only reads.

    `can_close` says so beforehand, and the rules ask that first; here it does no harm.
    """
    return _verify(access, checkout_id)


def parse_close(answer: HttpAnswer) -> CloseAnswer:  # noqa: ARG001  # whatever it says
    """Say that nothing is known to be closed, since nothing was: money may still come."""
    return CloseAnswer.UNKNOWN


def parse_notice(access: Access, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:  # noqa: ARG001  # no time is signed
    """Authenticate the raw body of a notice and say what it points to.

    The signature carries no time, so that an old notice can be sent again; nothing but a read
    comes of it. A notice has no name: its kind and its subject's id make one.

    Raises:
        UnauthenticNoticeError: the signature is missing, or made with neither of the keys.
        MalformedNoticeError: it is authentic and makes no sense.
    """
    signature = headers.get("x-paystack-signature", "")
    keys = [access.secrets.get("api_key"), access.secrets.get("previous_api_key")]
    if _SIGNATURE.fullmatch(signature) is None:
        raise UnauthenticNoticeError("the signature is missing or malformed")
    if not any(_is_signed(key, body, signature) for key in keys if key):
        raise UnauthenticNoticeError("the signature is wrong")
    try:
        return _hint(parsing.document(body), body)
    except NotUnderstoodError as error:
        raise MalformedNoticeError(str(error)) from None


# Sending money back has a file of its own, and belongs to the adapter all the same.
build_refund = paystack_refunds.build_refund
parse_refund = paystack_refunds.parse_refund
build_read_refunds = paystack_refunds.build_read_refunds
parse_read_refunds = paystack_refunds.parse_read_refunds


def _verify(access: Access, reference: str) -> HttpRequest:
    path = f"/transaction/verify/{quote(reference, safe='')}"
    return paystack_wire.request(access, "GET", path)


def _says(body: Mapping[str, Any], words: re.Pattern[str]) -> bool:
    message = body.get("message")
    return isinstance(message, str) and words.fullmatch(message.strip()) is not None


def _observation(data: Mapping[str, Any]) -> Observation:
    raw_state, mode = parsing.name(data, "status"), parsing.name(data, "domain")
    if raw_state not in _STATES:
        raise NotUnderstoodError(f"unsupported status {raw_state!r}")
    if mode not in _MODES:
        raise NotUnderstoodError("domain is not understood")
    payment, state = _payment(data), _STATES[raw_state]
    reference = parsing.name(data, "reference")
    said = data.get("gateway_response") or data.get("message")
    return Observation(
        account=None,  # Paystack does not say: the key decides
        checkout_id=reference,
        reference=reference,
        is_live=_MODES[mode],
        state=state,
        raw_state=raw_state,
        payments=(payment,) if state in _WITH_MONEY else (),
        reason=parsing.line(said, without=paystack_wire.SECRET)
        if state is ProviderState.ATTEMPT_FAILED
        else None,
        went_back=payment.money if state is ProviderState.REVERSED else None,
    )


def _payment(data: Mapping[str, Any]) -> Payment:
    """Return the money of a transaction.

    `amount` is what the buyer was charged, with the fees where the buyer bears them;
    `requested_amount` is what we asked for. The smaller of the two is what pays for the order: a
    charge above the wish carries a fee, and one below it is money that is missing.
    """
    charged = paystack_wire.money(data.get("amount"), data.get("currency"))
    if data.get("requested_amount") is not None:
        requested = paystack_wire.money(data["requested_amount"], data.get("currency"))
        charged = min(charged, requested, key=lambda money: money.minor)
    paid_at = parsing.moment(data.get("paid_at") or data.get("paidAt"), "paid_at")
    return Payment(paystack_wire.identity(data.get("id")), charged, paid_at)


def _is_signed(key: str, body: bytes, signature: str) -> bool:
    expected = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return hmac.compare_digest(expected, signature.lower())


def _hint(notice: Mapping[str, Any], raw: bytes) -> Hint:
    kind, data = parsing.name(notice, "event"), notice.get("data")
    if not isinstance(data, dict):
        raise NotUnderstoodError("data is not understood")
    try:
        subject = paystack_wire.identity(data.get("id"))
    except NotUnderstoodError:
        subject = hashlib.sha256(raw).hexdigest()  # some kinds have no id
    return Hint(f"{kind}:{subject}", kind, _reference(kind, data), None)


def _reference(kind: str, data: Mapping[str, Any]) -> str | None:
    """Return the transaction's reference, which each kind keeps in another place."""
    if kind.startswith("refund."):
        return parsing.name(data, "transaction_reference")
    if kind.startswith("charge.dispute."):
        transaction = data.get("transaction")
        if not isinstance(transaction, dict):
            raise NotUnderstoodError("transaction is not understood")
        return parsing.name(transaction, "reference")
    return parsing.name(data, "reference") if kind.startswith("charge.") else None
