"""Making a link by hand."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.core.errors import (
    AccountNotConnectedError,
    FormUsedError,
    InvalidInputError,
    NoRoomError,
)
from webapp.domain.payments import placing
from webapp.domain.payments.links import Form
from webapp.models import PaymentLink
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import LinkForm

blueprint = desk.blueprint("desk_making")


@blueprint.get("/desk/links/new")
def show_form() -> ResponseReturnValue:
    """Show an empty form."""
    try:
        return _page(LinkForm.of(desk.merchant()))
    except AccountNotConnectedError:
        return _page(None)


@blueprint.post("/desk/links/new")
def make() -> ResponseReturnValue:
    """Make the link and go to its page; what is wrong is said at its field, and nothing is made.

    A form that comes again, by a second press or by the browser's Back, makes no second link.
    """
    try:
        form = LinkForm.of(desk.merchant())
        link = _place(form) if form.validate() else None
    except AccountNotConnectedError:
        return _page(None), 409
    except FormUsedError as used:
        return _page(form, made=used.made), 409
    if link is None:
        return _page(form), 422
    return redirect(url_for("desk_links.show", reference=link.reference), 303)


def _place(form: LinkForm) -> PaymentLink | None:
    button = "draft" if request.form.get("do") == "draft" else "open"
    try:
        return placing.place(
            desk.merchant(),
            form.order,
            plan=form.plan,
            opens=button == "open",
            form=Form(form.form_id.data, form.digest(button)),
            actor=desk.actor(),
        )
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
    except NoRoomError as error:
        form.blame("tickets", str(error))
    return None


def _page(form: LinkForm | None, *, made: str | None = None) -> str:
    return render_template("dashboard/new.html", form=form, made=made)
