"""The buyer's pages: one address for each thing there is to say, and the button that pays."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    LinkNotPayableError,
    PaymentInFlightError,
)
from webapp.core.states import LinkState
from webapp.domain.payments import attempts, checkouts, links, sessions
from webapp.domain.payments import status as statuses
from webapp.domain.payments.status import LinkStatus
from webapp.domain.tickets import buyer_tokens, tickets
from webapp.extensions import settings
from webapp.web import client, pace
from webapp.web.codes import clean_code
from webapp.web.pages import PageName, path, right_page
from webapp.web.panels import StatusPanel
from webapp.web.status import deliveries, etag

blueprint = Blueprint("checkout", __name__)

_COOKIE = "sitting"


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
        if sessions.is_paying(link_id, request.cookies.get(_COOKIE)):
            attempts.note_return(link_id)
    return _show(code, PageName(page))


@blueprint.post("/pay/<code>")
def pay(code: str) -> ResponseReturnValue:
    """Begin a payment and send the buyer to the provider, or to the page that waits for it."""
    code = clean_code(code)
    waiting = redirect(path(code, PageName.PROCESSING), 303)
    try:
        started = checkouts.start(
            code,
            token=request.cookies.get(_COOKIE),
            buyer_email=request.form.get("email"),
            client=client.address(),
        )
    except PaymentInFlightError:
        return waiting
    except (LinkNotPayableError, AccountNotConnectedError, InvalidInputError) as refusal:
        return _show(code, PageName.PAY, refusal=refusal)
    answer = redirect(started.url, 303) if started.url else waiting
    if started.was_refused:
        answer = redirect(path(code, PageName.PAY), 303)
    _remember(answer, code, started.session_token)
    return answer


@blueprint.get("/pay/<code>/continue")
def continue_payment(code: str) -> ResponseReturnValue:
    """Send the buyer back to the provider's page, if the payment was started in this browser."""
    status = statuses.get(clean_code(code))
    url = statuses.checkout_url(status.link_id)
    if url is None:
        return redirect(path(status.code, PageName.PROCESSING), 303)
    if not sessions.is_paying(status.link_id, request.cookies.get(_COOKIE)):
        return render_template("checkout/elsewhere.html", code=status.code), 409
    return redirect(url, 303)


def _show(code: str, asked: PageName, *, refusal: Exception | None = None) -> ResponseReturnValue:
    status = statuses.get(clean_code(code))
    page = right_page(status, asked)
    if page is not asked or code != status.code:
        return redirect(path(status.code, page), 303)
    link = links.by_code(status.code)
    promised = deliveries(status)
    after = pace.poll_after(status, promised, settings)
    deadline = pace.deadline_s(status, settings)
    token = request.cookies.get(_COOKIE)
    is_buyers = link.state is LinkState.PAID and sessions.has_paid(link.id, token)
    html = render_template(
        f"checkout/{page}.html",
        link=link,
        status=status,
        panel=StatusPanel.of(status, promised, page),
        page=page.value,
        etag=f'"{etag(status, page)}"',
        poll_after="stop" if after is None else f"{after:g}",
        deadline_s=int(deadline),
        limit_s=int(settings.poll_limit_s),
        refreshes=_refreshes(status, after),
        tickets=tickets.of_link(link.id) if is_buyers else [],
        is_buyers=is_buyers,
        tickets_token=buyer_tokens.of(link.code) if is_buyers else None,
        recipient=statuses.recipient(link.id) if is_buyers else None,
        deliveries=promised,
        refusal=refusal,
        email=request.form.get("email", ""),
        timezone=(link.event or link.merchant).timezone,
    )
    answer = Response(html, status=_code_of(refusal), mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    if page is PageName.PAY and not sessions.is_token(status.code, token):
        _remember(answer, status.code, sessions.new_token(status.code))
    return answer


def _remember(answer: Response, code: str, token: str) -> None:
    """Let the browser keep its token: it opens this link's pages and no other's."""
    answer.set_cookie(
        _COOKIE,
        token,
        path=f"/pay/{code}",
        max_age=7 * 86_400,
        httponly=True,
        samesite="Lax",
        secure=settings.base_url.startswith("https:"),
    )


def _code_of(refusal: Exception | None) -> int:
    if refusal is None:
        return 200
    return 422 if isinstance(refusal, InvalidInputError) else 409


def _refreshes(status: LinkStatus, after: float | None) -> bool:
    """Say whether the page reloads itself where there is no JavaScript: while something is due.

    It ends by itself once the buyer has waited for as long as the script would.
    """
    if after is None or status.state is LinkState.EXPIRED:
        return False
    waited = status.attempt.waiting_s if status.attempt else 0
    if status.state is LinkState.OPEN:
        return status.is_in_flight and waited < settings.poll_limit_s
    return status.ended_s < settings.poll_limit_s
