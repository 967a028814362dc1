"""The list of links, and its rows as they change."""

from typing import Final

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from webapp.domain.payments import link_lists
from webapp.domain.payments.link_lists import LAST_PAGE, Tab
from webapp.extensions import settings
from webapp.web import auth
from webapp.web.dashboard import desk
from webapp.web.dashboard.panels import Asked, ListPanel

blueprint = desk.blueprint("desk_lists")

TABS: Final = (
    (Tab.ALL, "All"),
    (Tab.OPEN, "Open"),
    (Tab.PAID, "Paid"),
    (Tab.REVIEW, "Review"),
    (Tab.ENDED, "Ended"),
    (Tab.DRAFTS, "Drafts"),
)


@blueprint.get("/desk")
def come_in() -> ResponseReturnValue:
    """Send to the page that the day begins with."""
    return redirect(auth.HOME, 303)


@blueprint.get("/desk/links")
def show_list() -> ResponseReturnValue:
    """Show a page of the merchant's links."""
    panel = _panel()
    return render_template(
        "dashboard/list.html",
        panel=panel,
        tabs=TABS,
        etag=f'"{desk.tag(panel)}"',
        poll_after=f"{settings.desk_poll_s:g}",
    )


@blueprint.get("/desk/links/rows")
def show_rows() -> ResponseReturnValue:
    """Answer a poll with the rows, if they are news. It changes no row."""
    return desk.fragment("dashboard/_rows.html", _panel(), poll_after=settings.desk_poll_s)


def _panel() -> ListPanel:
    asked = _asked()
    merchant = desk.merchant()
    found = link_lists.page(merchant, asked.tab, asked.search, asked.page)
    return ListPanel.of(
        found,
        asked=asked,
        is_new_here=not found.links and not link_lists.has_any(merchant),
        timezone=merchant.timezone,
    )


def _asked() -> Asked:
    """Read the address; what makes no sense in it is not said."""
    tab = request.args.get("tab", "")
    number = request.args.get("page", 1, type=int)
    return Asked(
        tab=Tab(tab) if tab in set(Tab) else Tab.ALL,
        search=link_lists.clean_search(request.args.get("q", "")),
        page=max(1, min(number, LAST_PAGE)),
    )
