"""The merchant's own websites, and where a buyer who cancels goes back to."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField

from webapp.core.errors import InvalidInputError
from webapp.domain.desk import sites
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import DeskForm

blueprint = desk.blueprint("desk_sites")


class SitesForm(DeskForm):
    """Websites, one a line; and an address at one of them."""

    sites = TextAreaField("Your websites")
    return_url = StringField("Where buyers go back to")


@blueprint.get("/desk/sites")
def show_form() -> ResponseReturnValue:
    """Ask where the merchant's websites are."""
    merchant = desk.merchant()
    return _ask(SitesForm(sites="\n".join(merchant.sites), return_url=merchant.return_url))


@blueprint.post("/desk/sites")
def store() -> ResponseReturnValue:
    """Write them down, or say at the field what is wrong."""
    form = SitesForm()
    try:
        sites.store(
            desk.merchant(), (form.sites.data or "").splitlines(), form.return_url.data or ""
        )
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
        return _ask(form), 422
    return redirect(url_for("desk_keys.show_list"), 303)


def _ask(form: SitesForm) -> str:
    return render_template("dashboard/sites.html", form=form, most=sites.MAX_SITES)
