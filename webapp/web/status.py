"""The polled fragment: reads, never writes, and answers 304 when there is nothing to say."""

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from webapp import jobs
from webapp.core.states import LinkState
from webapp.domain.payments import status as statuses
from webapp.domain.payments.status import Deliveries, LinkStatus
from webapp.extensions import settings
from webapp.web import pace
from webapp.web.codes import clean_code
from webapp.web.pages import PageName, path, right_page
from webapp.web.panels import StatusPanel

blueprint = Blueprint("status", __name__)

LANGUAGE = "en"


@blueprint.get("/pay/<code>/status")
def show_status(code: str) -> ResponseReturnValue:
    """Answer a poll. It may ask the queue for a check; it changes no row and sets no cookie."""
    try:
        asking = PageName(request.args.get("on", ""))
    except ValueError:
        raise BadRequest("`on` must name the page that asks") from None
    status = statuses.get(clean_code(code))
    if status.is_in_flight and status.attempt is not None:
        jobs.check(status.attempt.reference)
    promised = deliveries(status)
    page = right_page(status, asking)
    tag = etag(status, asking)
    # Looked at before the tag: a page that must be left is never told "nothing new".
    if page is asking and request.if_none_match.contains_weak(tag):
        answer = Response(status=304)
    else:
        panel = StatusPanel.of(status, promised, page)
        answer = make_response(render_template("checkout/_status.html", panel=panel, code=code))
        if page is not asking:
            answer.headers["HX-Redirect"] = path(status.code, page)
    answer.set_etag(tag)
    after = pace.poll_after(status, promised, settings)
    answer.headers["X-Poll-After"] = "stop" if after is None else f"{after:g}"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Vary"] = "HX-Request"
    return answer


def etag(status: LinkStatus, page: PageName) -> str:
    """Name what the fragment says: it changes with the row, the page, the wait and the release.

    A buyer's return changes the words too, and no version: it is no step of the payment.
    """
    phase = pace.phase(status)
    if status.attempt is not None and status.attempt.has_returned:
        return f"{status.version}.{page}.{LANGUAGE}.{phase}r.{settings.release}"
    return f"{status.version}.{page}.{LANGUAGE}.{phase}.{settings.release}"


def deliveries(status: LinkStatus) -> Deliveries | None:
    """Return how far a paid link's promises are; nothing else has any."""
    return statuses.deliveries(status.link_id) if status.state is LinkState.PAID else None
