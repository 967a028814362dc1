"""The polled fragment: reads, never writes, and answers 304 when there is nothing to say."""

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from webapp import jobs
from webapp.config import Settings
from webapp.core.states import LinkState
from webapp.domain.payments import status as statuses
from webapp.domain.payments import timelines
from webapp.domain.payments.status import Deliveries, LinkStatus
from webapp.extensions import settings
from webapp.web import limits, offers, pace
from webapp.web.codes import clean_code
from webapp.web.pages import PageName, path, right_page
from webapp.web.panels import StatusPanel
from webapp.web.steps import TimelinePanel

blueprint = Blueprint("status", __name__)

LANGUAGE = "en"

# What the lane in front found out, in the request's environment: what it read (and then it asked
# for a check, too), or that there were too many polls, with the seconds to wait.
READ: Final = "tillgate.status"
STEPS: Final = "tillgate.timeline"
WAIT: Final = "tillgate.wait_s"
# How many times as long as usual all pages should wait just now.
STRETCH: Final = "tillgate.stretch"


@blueprint.get("/pay/<code>/status")
def show_status(code: str) -> ResponseReturnValue:
    """Answer a poll. It may ask the queue for a check; it changes no row and sets no cookie."""
    try:
        asking = PageName(request.args.get("on", ""))
    except ValueError:
        raise BadRequest("`on` must name the page that asks") from None
    if wait_s := request.environ.get(WAIT):
        return _too_often(wait_s)
    status = request.environ.get(READ)
    if status is None:
        status = statuses.get(clean_code(code))
        if status.is_in_flight and status.attempt is not None:
            jobs.check(status.attempt.reference)
    promised = deliveries(status)
    page = right_page(status, asking)
    name = etag(status, asking)
    # Looked at before the tag: a page that must be left is never told "nothing new".
    if page is asking and request.if_none_match.contains_weak(name):
        answer = Response(status=304)
    else:
        panel = StatusPanel.of(status, promised, page)
        steps = request.environ.get(STEPS) or timelines.of_link(status.link_id)
        timeline = TimelinePanel.of(steps)
        answer = make_response(
            render_template("checkout/_answer.html", panel=panel, code=code, timeline=timeline)
        )
        if page is not asking:
            answer.headers["HX-Redirect"] = path(status.code, page)
    answer.set_etag(name)
    stretch = request.environ.get(STRETCH, 1.0)
    answer.headers.update(poll_headers(status, promised, settings, stretch=stretch))
    return answer


def poll_headers(
    status: LinkStatus, promised: Deliveries | None, values: Settings, *, stretch: float = 1.0
) -> dict[str, str]:
    """Return what every answer to a poll says besides its tag, news or none.

    Args:
        status: the link's.
        promised: how far its promises are, where it is paid.
        values: the settings.
        stretch: how many times as long as usual a page should wait; see `Strain`.
    """
    after = pace.poll_after(status, promised, values)
    return {
        "X-Poll-After": "stop" if after is None else f"{round(after * stretch, 1):g}",
        "Cache-Control": "no-store",
        "Vary": "HX-Request",
    }


def etag(status: LinkStatus, page: PageName) -> str:
    """Name what the fragment says now; see `tag`."""
    return tag(status, page, settings)


def tag(status: LinkStatus, page: PageName, values: Settings) -> str:
    """Name what the fragment says: it changes with the row, the page, the wait and the release.

    Some words change with time or a buyer's return, which are no steps of the payment.
    """
    phase = f"{pace.phase(status)}{offers.tag(status, values)}"
    return f"{status.version}.{page}.{LANGUAGE}.{phase}.{values.release}"


def deliveries(status: LinkStatus) -> Deliveries | None:
    """Return how far a paid link's promises are; nothing else has any."""
    return statuses.deliveries(status.link_id) if status.state is LinkState.PAID else None


def _too_often(wait_s: int) -> Response:
    """Refuse in a few words: the script reads nothing but how long to wait."""
    limits.REFUSED.note("fragment")
    answer = Response("Too many polls: wait a little.\n", status=429, mimetype="text/plain")
    answer.headers["Retry-After"] = str(wait_s)
    answer.headers["Cache-Control"] = "no-store"
    return answer
