"""Saying that what waited for a person was looked after, and what was done about it."""

import re
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.core.errors import NotEndableError, NotFoundError
from webapp.domain.payments import matters
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import EndForm
from webapp.web.dashboard.links import page, panel_of
from webapp.web.dashboard.panels import LinkPanel, Matter
from webapp.web.dashboard.sentences import spoken

blueprint = desk.blueprint("desk_ending")

_NUMBER: Final = re.compile(r"[0-9]{1,18}")


@blueprint.get("/desk/links/<reference>/looked-after")
def show_end(reference: str) -> ResponseReturnValue:
    """Ask what was done about one matter."""
    panel = panel_of(reference)
    matter = _waiting(panel, request.args.get("matter", ""))
    if matter is None or not matter.offers_end:
        return _back(panel)
    return _ask(panel, matter, EndForm(matter=str(matter.number)))


@blueprint.post("/desk/links/<reference>/looked-after")
def end(reference: str) -> ResponseReturnValue:
    """End one matter. Pressed twice, it ends once."""
    panel, form = panel_of(reference), EndForm()
    name = form.matter.data or ""
    if not _NUMBER.fullmatch(name):
        raise NotFoundError("the order has no such matter")
    matter = _waiting(panel, name)
    if not form.validate():
        return _back(panel) if matter is None else (_ask(panel, matter, form), 422)
    try:
        matters.end(
            desk.merchant(),
            panel.reference,
            int(name),
            reason=form.reason.data,
            actor=desk.actor(),
        )
    except NotEndableError as refusal:
        return page(panel.reference, refusal=spoken(str(refusal))), 409
    return _back(panel)


def _waiting(panel: LinkPanel, name: str) -> Matter | None:
    """Return the matter of that name, if it still waits."""
    return next((one for one in panel.matters if str(one.number) == name), None)


def _ask(panel: LinkPanel, matter: Matter, form: EndForm) -> str:
    return render_template("dashboard/end.html", panel=panel, matter=matter, form=form)


def _back(panel: LinkPanel) -> ResponseReturnValue:
    return redirect(url_for("desk_links.show", reference=panel.reference), 303)
