"""The bank's API for merchants: JSON, one Bearer key an account, integers of minor units."""

import sqlite3
import time
from collections.abc import Callable

from flask import Blueprint, Response, g, request

from webapp.core.sandbox_keys import account_of
from webapp.sandbox import answers, checkouts, faults, refunds
from webapp.sandbox.bank import the_bank
from webapp.sandbox.bodies import BadBodyError, NewCheckout, NewFault, NewRefund
from webapp.sandbox.faults import FaultKind
from webapp.sandbox.refunds import KeyUsedError, RefundRefusedError, UnknownPaymentError
from webapp.sandbox.values import (
    Checkout,
    DuplicateReferenceError,
    NotOpenError,
    Status,
    UnknownCheckoutError,
)

blueprint = Blueprint("api", __name__, url_prefix="/v1")


@blueprint.before_request
def _authenticate() -> Response | None:
    bank = the_bank()
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    account = account_of(bank.settings.secret, key.strip()) if scheme == "Bearer" else None
    if account is None:
        return answers.refusal(401, "unauthorised", "The API key is missing or not ours.")
    g.account = account
    if request.endpoint == "api.script_fault":
        return None  # a test must be able to end the downtime that it asked for
    with bank.store.transaction() as books:
        left_s = faults.downtime_left_s(books, account)
    return answers.unavailable(left_s) if left_s > 0 else None


@blueprint.post("/checkouts")
def make_checkout() -> Response:
    """Open a checkout; its reference may be used once an account."""
    order = NewCheckout.read(request.get_data()).order
    with the_bank().store.transaction() as books:
        fault = faults.next_for(books, g.account, "create")
        if fault and fault.kind is FaultKind.CREATE_LOST:
            return answers.cut()
        if fault and fault.kind is FaultKind.CREATE_REFUSED:
            return answers.refusal(422, "refused", "The bank does not take this payment.")
        made = checkouts.make(books, g.account, order)
    if fault:
        time.sleep(fault.seconds)
        if fault.kind is FaultKind.CREATE_NEVER:
            return answers.cut()
    return answers.checkout(made, 201)


@blueprint.get("/checkouts")
def find_checkout() -> Response:
    """Read a checkout by the merchant's reference."""
    reference = request.args.get("reference", "")
    return _read(lambda books: checkouts.find(books, g.account, reference))


@blueprint.get("/checkouts/<checkout_id>")
def read_checkout(checkout_id: str) -> Response:
    """Read a checkout by the bank's id."""
    return _read(lambda books: checkouts.get(books, checkout_id, account=g.account))


def _read(look_up: Callable[[sqlite3.Connection], Checkout]) -> Response:
    with the_bank().store.transaction() as books:
        fault = faults.next_for(books, g.account, "read")
        if fault and fault.kind is FaultKind.READ_UNAVAILABLE:
            return answers.unavailable(fault.seconds)
        found = look_up(books)
    return answers.spoiled(found, fault) if fault else answers.checkout(found)


@blueprint.post("/checkouts/<checkout_id>/close")
def close_checkout(checkout_id: str) -> Response:
    """End an open checkout, so that nobody can pay it any more."""
    with the_bank().store.transaction() as books:
        found = checkouts.get(books, checkout_id, account=g.account)
        if found.status is Status.OPEN and faults.next_for(books, g.account, "close"):
            return answers.refusal(
                409,
                "authorisation_in_progress",
                "A payment is being authorised; the checkout cannot be closed now.",
                status="processing",
            )
        closed = checkouts.close(books, found)
    the_bank().clockwork.wake()
    return answers.checkout(closed)


@blueprint.post("/payments/<payment_id>/refunds")
def send_back(payment_id: str) -> Response:
    """Send money back, in part or in full; the same key again sends back no more."""
    wish = NewRefund.read(request.get_data())
    with the_bank().store.transaction() as books:
        fault = faults.next_for(books, g.account, "refund")
        if fault and fault.kind is FaultKind.REFUND_UNAVAILABLE:
            return answers.unavailable(fault.seconds)
        if fault and fault.kind is FaultKind.REFUND_LOST:
            return answers.cut()
        if fault and fault.kind is FaultKind.REFUND_REFUSED:
            return answers.refusal(422, "refused", "The bank sends nothing back.")
        refund, is_new = refunds.make(books, g.account, payment_id, key=wish.key, money=wish.money)
    if fault:
        time.sleep(fault.seconds)
        return answers.cut()
    return answers.in_json(refund.as_json(), 201 if is_new else 200)


@blueprint.get("/payments/<payment_id>/refunds")
def list_refunds(payment_id: str) -> Response:
    """List what was sent back of a payment, the oldest first."""
    with the_bank().store.transaction() as books:
        found = refunds.of_payment(books, g.account, payment_id)
    listed = [refund.as_json() for refund in found]
    return answers.in_json({"payment_id": payment_id, "refunds": listed})


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """List every payment the account took: the record to compare other books with."""
    with the_bank().store.transaction() as books:
        return answers.in_json(checkouts.ledger(books, g.account))


@blueprint.post("/faults")
def script_fault() -> Response:
    """Ask for something to go wrong. Not part of any bank one would trust with real money."""
    wish = NewFault.read(request.get_data())
    with the_bank().store.transaction() as books:
        faults.script(books, g.account, wish.fault, times=wish.times, seconds=wish.seconds)
    return answers.in_json(wish.model_dump(mode="json"), 201)


@blueprint.errorhandler(BadBodyError)
def _bad_body(error: BadBodyError) -> Response:
    return answers.refusal(422, "invalid", str(error))


@blueprint.errorhandler(UnknownCheckoutError)
def _unknown(_: UnknownCheckoutError) -> Response:
    return answers.refusal(404, "not_found", "There is no such checkout.")


@blueprint.errorhandler(UnknownPaymentError)
def _unknown_payment(_: UnknownPaymentError) -> Response:
    return answers.refusal(404, "not_found", "There is no such payment.")


@blueprint.errorhandler(RefundRefusedError)
def _not_sent_back(error: RefundRefusedError) -> Response:
    return answers.refusal(422, "refused", str(error))


@blueprint.errorhandler(KeyUsedError)
def _key_used(_: KeyUsedError) -> Response:
    return answers.refusal(409, "key_used", "The key was used before, for something else.")


@blueprint.errorhandler(DuplicateReferenceError)
def _duplicate(error: DuplicateReferenceError) -> Response:
    return answers.refusal(
        409, "duplicate_reference", "The reference was used before.", id=error.checkout_id
    )


@blueprint.errorhandler(NotOpenError)
def _not_open(error: NotOpenError) -> Response:
    status = error.checkout.status
    return answers.refusal(409, "not_open", f"The checkout is {status}.", status=status)
