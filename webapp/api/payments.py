"""Payments, verified on demand."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from webapp.api import access
from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.core.public_status import LINK_STATUS
from webapp.domain.payments import asking
from webapp.domain.payments.asking import Answer
from webapp.models import PaymentLink

blueprint = Blueprint("payments", __name__)

_LONGEST_NAME = 128


@blueprint.get("/api/payment/verify")
def verify() -> ResponseReturnValue:
    """Ask the provider about one order and answer how it stands; 202 while nobody can know yet.

    Asking settles what the provider says, and nothing else: it can be asked as often as the limit
    allows.
    """
    caller = access.caller()
    reference = request.args.get("reference", "").strip()
    if not 0 < len(reference) <= _LONGEST_NAME or not reference.isprintable():
        raise InvalidInputError("reference", "is needed: an order's, an attempt's, a provider's")
    answer = asking.now(caller.merchant, reference, actor=caller.actor)
    body = jsonify({"data": _written(answer)})
    body.headers["Cache-Control"] = "no-store"
    return body, 202 if answer.is_pending else 200


def _written(answer: Answer) -> dict[str, object]:
    link: PaymentLink = answer.link
    return {
        "reference": link.reference,
        "status": LINK_STATUS[link.state].code,
        "amount": Money(link.amount_minor, link.currency).major,
        "currency": link.currency,
        "paidAt": clock.iso(link.paid_at) if link.paid_at else None,
        "verified": answer.is_verified,
        "message": answer.message,
    }
