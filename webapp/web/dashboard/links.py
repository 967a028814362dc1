"""One link's page: how it stands, what happened, and what can be done."""

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.documents import qr
from webapp.domain.desk import dossiers
from webapp.domain.payments import links
from webapp.extensions import settings
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import DeskForm
from webapp.web.dashboard.panels import LinkPanel

blueprint = desk.blueprint("desk_links")


@blueprint.get("/desk/links/<reference>")
def show(reference: str) -> ResponseReturnValue:
    """Show a link; asked for by its code or public id, it is sent to its own address."""
    link = links.get(desk.merchant(), desk.clean_name(reference))
    if reference != link.reference:
        return redirect(url_for("desk_links.show", reference=link.reference), 303)
    return page(reference)


@blueprint.get("/desk/links/<reference>/panel")
def show_panel(reference: str) -> ResponseReturnValue:
    """Answer a poll with how the link stands, if it is news. It changes no row."""
    panel = panel_of(reference)
    return desk.fragment("dashboard/_panel.html", panel, poll_after=_poll_after(panel))


@blueprint.get("/desk/links/<reference>/qr.png")
def show_qr(reference: str) -> ResponseReturnValue:
    """Draw the payment address; with `?download` the browser keeps it as a file."""
    link = links.get(desk.merchant(), desk.clean_name(reference))
    answer = Response(qr.png(links.pay_url(link.code)), mimetype="image/png")
    if "download" in request.args:
        answer.headers["Content-Disposition"] = f'attachment; filename="{link.reference}.png"'
    return answer


def panel_of(reference: str) -> LinkPanel:
    """Return what the desk says of a link.

    Raises:
        NotFoundError: the merchant has no such link.
    """
    merchant = desk.merchant()
    return LinkPanel.of(dossiers.of(merchant, desk.clean_name(reference)), merchant.timezone)


def page(reference: str, *, refusal: str | None = None) -> str:
    """Fill a link's page; a refusal says why what was just asked for was not done."""
    panel = panel_of(reference)
    return render_template(
        "dashboard/link.html",
        panel=panel,
        etag=f'"{desk.tag(panel)}"',
        poll_after=f"{_poll_after(panel):g}",
        refusal=refusal,
        is_asked="asked" in request.args,
        form=DeskForm(),
    )


def _poll_after(panel: LinkPanel) -> float:
    return settings.desk_poll_s if panel.is_busy else settings.poll_idle_s
