"""The pages that a buyer sees: a checkout with its buttons, or what became of it."""

from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webapp.sandbox import buttons, checkouts, notices, refunds
from webapp.sandbox.bank import the_bank
from webapp.sandbox.buttons import Button
from webapp.sandbox.refunds import RefundRefusedError
from webapp.sandbox.values import Checkout, NotOpenError, Status, UnknownCheckoutError

blueprint = Blueprint("pages", __name__)


@blueprint.get("/checkout/<checkout_id>")
def show_checkout(checkout_id: str) -> ResponseReturnValue:
    """The page where a buyer decides how the payment goes."""
    bank = the_bank()
    with bank.store.transaction() as books:
        checkout = checkouts.get(books, checkout_id)
    if checkout.status is not Status.OPEN:
        return _ended(checkout, 200)
    texts = buttons.texts(bank.settings)
    page = make_response(render_template("checkout.html", checkout=checkout, buttons=texts))
    # A browser holds the redirect after a form to the same rule as the form's own address.
    shop = urlsplit(checkout.order.return_url)
    page.headers["Content-Security-Policy"] = policy(f"'self' {shop.scheme}://{shop.netloc}")
    return page


@blueprint.post("/checkout/<checkout_id>")
def press_button(checkout_id: str) -> ResponseReturnValue:
    """Do what the buyer chose and send the buyer back to the shop."""
    try:
        button = Button(request.form.get("do", ""))
    except ValueError:
        return message("There is no such button", "Nothing was changed.", 422)
    checkout = buttons.press(the_bank(), checkout_id, button)
    return redirect(checkout.order.return_url, 303)


@blueprint.post("/checkout/<checkout_id>/reverse")
def reverse(checkout_id: str) -> ResponseReturnValue:
    """Send back whatever is left of what was taken, as somebody at the bank's desk would."""
    bank = the_bank()
    with bank.store.transaction() as books:
        checkout = checkouts.get(books, checkout_id)
        if not checkout.payments:
            return message("Nothing was taken here", "Nothing was changed.", 409)
        for payment in checkout.payments:
            refunds.reverse(books, checkout.account, payment.id)
        notices.queue(books, checkout, delay_s=bank.settings.sandbox_notice_delay_s)
    bank.clockwork.wake()
    return message("The money was sent back", "The shop did not ask for it.", 200)


@blueprint.errorhandler(RefundRefusedError)
def _not_sent_back(error: RefundRefusedError) -> ResponseReturnValue:
    return message("Nothing was sent back", str(error), 409)


@blueprint.errorhandler(NotOpenError)
def _not_open(error: NotOpenError) -> ResponseReturnValue:
    return _ended(error.checkout, 409)


@blueprint.errorhandler(UnknownCheckoutError)
def _unknown(_: UnknownCheckoutError) -> ResponseReturnValue:
    return message("There is no such checkout", "Please go back to the shop and try again.", 404)


def policy(form_action: str) -> str:
    """Return the content security policy of a page whose forms may lead to these places."""
    return (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        f" frame-ancestors 'none'; form-action {form_action}"
    )


def message(title: str, text: str, status: int) -> ResponseReturnValue:
    """Show a page that says one thing."""
    return render_template("message.html", title=title, text=text), status


def _ended(checkout: Checkout, status: int) -> ResponseReturnValue:
    page = make_response(render_template("ended.html", checkout=checkout), status)
    page.headers["Content-Security-Policy"] = policy("'self'")
    return page
