"""How a buyer leaves a payment that gets nowhere: for another try, or for good."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from webapp import sitting_cookie
from webapp.core.errors import InvalidInputError, PaymentInFlightError
from webapp.core.states import LinkState
from webapp.domain.desk import sites
from webapp.domain.payments import links, sessions, sittings, starts
from webapp.domain.payments import status as statuses
from webapp.domain.payments.status import LinkStatus
from webapp.extensions import settings
from webapp.models import Merchant
from webapp.web import offers
from webapp.web.codes import clean_code
from webapp.web.pages import PageName, path, right_page

blueprint = Blueprint("leaving", __name__)


@blueprint.post("/pay/<code>/retry")
def try_again(code: str) -> ResponseReturnValue:
    """Have the payment on its way closed first; then the page leads to the button again."""
    code = clean_code(code)
    token = sitting_cookie.token()
    try:
        starts.again(code, token)
    except PaymentInFlightError:
        status = statuses.get(code)
        if not sessions.is_paying(status.link_id, token):
            return elsewhere(status)
    return redirect(path(code, PageName.PROCESSING), 303)


@blueprint.post("/pay/<code>/cancel")
def cancel(code: str) -> ResponseReturnValue:
    """End this browser's sitting; the buyer goes back to where the purchase began."""
    code = clean_code(code)
    sittings.leave(code, sitting_cookie.token())
    status = statuses.get(code)
    if status.state is not LinkState.OPEN:  # there is something to know first: it may be paid
        return redirect(path(code, right_page(status, PageName.PAY)), 303)
    back = way_back(links.by_code(code).merchant)
    return redirect(back or path(code, PageName.PAY), 303)


def elsewhere(status: LinkStatus) -> ResponseReturnValue:
    """Say that the payment was begun in another browser, and offer what can be done here."""
    can_start = offers.RETRY in offers.of(status, settings) and offers.is_slow(status, settings)
    link = links.by_code(status.code)
    page = render_template("checkout/elsewhere.html", link=link, can_start=can_start)
    return page, 409, {"Cache-Control": "no-store"}


def way_back(merchant: Merchant) -> str | None:
    """Return where the merchant wants buyers who cancel; only ever at one of its own websites."""
    if merchant.return_url is None:
        return None
    parts = urlsplit(merchant.return_url)
    try:
        origin = sites.origin("return_url", f"{parts.scheme}://{parts.netloc}")
    except InvalidInputError:
        return None
    return merchant.return_url if origin in merchant.sites else None
