"""The buyer's pages: one address for each thing there is to say, and the button that pays."""

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webapp import client, sitting_cookie
from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    LinkNotPayableError,
    PaymentInFlightError,
    RetriesExhaustedError,
)
from webapp.core.states import LinkState
from webapp.domain.payments import attempts, checkouts, links, sessions, timelines
from webapp.domain.payments import status as statuses
from webapp.domain.payments.status import LinkStatus
from webapp.domain.tickets import buyer_tokens, tickets
from webapp.extensions import settings
from webapp.web import leaving, pace
from webapp.web.codes import clean_code
from webapp.web.pages import PageName, path, right_page
from webapp.web.panels import StatusPanel
from webapp.web.sitting_panels import SittingPanel
from webapp.web.status import deliveries, etag
from webapp.web.steps import TimelinePanel

blueprint = Blueprint("checkout", __name__)


@blueprint.get("/pay/<code>")
def show_pay(code: str) -> ResponseReturnValue:
    """Show who asks for what, and the button that pays."""
    return _show(code, PageName.PAY)


@blueprint.get("/pay/<code>/<any(processing,success,expired,canceled,review):page>")
def show_page(code: str, page: str) -> ResponseReturnValue:
    """Show one of the other pages; coming back from the provider asks for a check."""
    if page == PageName.PROCESSING and "returned" in request.args and request.method == "GET":
        link_id = statuses.get(clean_code(code)).link_id
        # A preview of the address, or a stranger with the code, has not been at the bank.
        if sessions.is_paying(link_id, sitting_cookie.token()):
            attempts.note_return(link_id)
    return _show(code, PageName(page))


@blueprint.post("/pay/<code>")
def pay(code: str) -> ResponseReturnValue:
    """Begin a payment and send the buyer to the provider, or to the page that waits for it."""
    code = clean_code(code)
    waiting = path(code, PageName.PROCESSING)
    try:
        started = checkouts.start(
            code,
            token=sitting_cookie.token(),
            buyer_email=request.form.get("email"),
            client=client.address(),
        )
    except PaymentInFlightError:
        return _sent_to(waiting)
    except (
        LinkNotPayableError,
        AccountNotConnectedError,
        InvalidInputError,
        RetriesExhaustedError,
    ) as refusal:
        if _is_asked_by_script():
            raise
        return _show(code, PageName.PAY, refusal=refusal)
    to = path(code, PageName.PAY) if started.was_refused else started.url or waiting
    answer = _sent_to(to)
    sitting_cookie.keep_at_link(answer, code, started.session_token)
    return answer


@blueprint.get("/pay/<code>/continue")
def continue_payment(code: str) -> ResponseReturnValue:
    """Send the buyer back to the provider's page, if the payment was started in this browser."""
    status = statuses.get(clean_code(code))
    url = statuses.checkout_url(status.link_id) if status.can_go_on else None
    if url is None:
        return redirect(path(status.code, PageName.PROCESSING), 303)
    if not sessions.is_paying(status.link_id, sitting_cookie.token()):
        return leaving.elsewhere(status)
    return redirect(url, 303)


def _is_asked_by_script() -> bool:
    """Say whether it was static/js/pay.js that pressed: it reads JSON and goes there itself."""
    return request.accept_mimetypes.best == "application/json"


def _sent_to(to: str) -> Response:
    if not _is_asked_by_script():
        return redirect(to, 303)
    answer = jsonify(location=to)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _show(code: str, asked: PageName, *, refusal: Exception | None = None) -> ResponseReturnValue:
    status = statuses.get(clean_code(code))
    page = right_page(status, asked)
    if page is not asked or code != status.code:
        return redirect(path(status.code, page), 303)
    link = links.by_code(status.code)
    promised = deliveries(status)
    after = pace.poll_after(status, promised, settings)
    token = sitting_cookie.token()
    is_new = page is PageName.PAY and not sessions.is_token(status.code, token)
    if is_new:
        token = sessions.new_token(status.code)
    is_buyers = link.state is LinkState.PAID and sessions.has_paid(link.id, token)
    html = render_template(
        f"checkout/{page}.html",
        link=link,
        status=status,
        panel=StatusPanel.of(status, promised, page),
        sitting=SittingPanel.of(status, page, token),
        timeline=TimelinePanel.of(timelines.of_link(link.id)),
        page=page.value,
        etag=f'"{etag(status, page)}"',
        poll_after="stop" if after is None else f"{after:g}",
        deadline_s=int(pace.deadline_s(status, settings)),
        limit_s=int(settings.poll_limit_s),
        pay_timeout_s=int(settings.start_timeout_s),
        refreshes=_refreshes(status, after),
        tickets=tickets.of_link(link.id) if is_buyers else [],
        is_buyers=is_buyers,
        tickets_token=buyer_tokens.of(link.code) if is_buyers else None,
        recipient=statuses.recipient(link.id) if is_buyers else None,
        deliveries=promised,
        refusal=refusal,
        email=request.form.get("email") or sessions.buyer_email(link.id, token) or "",
        timezone=(link.event or link.merchant).timezone,
    )
    answer = Response(html, status=_code_of(refusal), mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    if is_new and token is not None:
        sitting_cookie.keep_at_link(answer, status.code, token)
    return answer


def _code_of(refusal: Exception | None) -> int:
    if refusal is None:
        return 200
    return 422 if isinstance(refusal, InvalidInputError) else 409


def _refreshes(status: LinkStatus, after: float | None) -> bool:
    """Say whether the page reloads itself where there is no JavaScript: while something is due.

    It ends by itself once the buyer has waited for as long as the script would.
    """
    if after is None:
        return False
    is_busy = status.is_in_flight or status.closing_for is not None
    if status.state is LinkState.OPEN and not is_busy:
        return False
    return pace.waited_s(status) < settings.poll_limit_s
