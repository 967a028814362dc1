"""Sending money back: a payment of a link is chosen, an amount and a reason are said.

Where the provider does not do it for us, what was sent back there is noted in the same way.
"""

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.core.errors import InvalidInputError, NotFoundError, NotRefundableError
from webapp.domain.payments import refunds
from webapp.models import Refund
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import RefundForm, amount
from webapp.web.dashboard.links import page, panel_of
from webapp.web.dashboard.panels import LinkPanel
from webapp.web.dashboard.sentences import spoken
from webapp.web.dashboard.taken import Taken

blueprint = desk.blueprint("desk_refunding")


@blueprint.get("/desk/links/<reference>/refund")
def show_refund(reference: str) -> ResponseReturnValue:
    """Ask how much of a payment is to be sent back, and why."""
    panel = panel_of(reference)
    taken = _taken(panel, request.args.get("payment"))
    if taken is None or not taken.offers_refund:
        return _back(panel)
    return _ask("refund", panel, taken, _form_of(taken))


@blueprint.post("/desk/links/<reference>/refund")
def send_back(reference: str) -> ResponseReturnValue:
    """Ask that the money be sent back; a worker does it. The same form asks for it once."""
    return _do("refund", reference, refunds.request)


@blueprint.get("/desk/links/<reference>/note")
def show_note(reference: str) -> ResponseReturnValue:
    """Ask how much of a payment was sent back at the provider, and why."""
    panel = panel_of(reference)
    taken = _taken(panel, request.args.get("payment"))
    if taken is None or not taken.offers_note:
        return _back(panel)
    return _ask("note", panel, taken, _form_of(taken))


@blueprint.post("/desk/links/<reference>/note")
def note(reference: str) -> ResponseReturnValue:
    """Note what was sent back at a provider that does not do it for us; the same form does once."""
    return _do("note", reference, refunds.note)


def _do(page_name: str, reference: str, act: Callable[..., Refund]) -> ResponseReturnValue:
    """Do what the form asks for; or say at the field, or above the link, why it was not done."""
    panel, form = panel_of(reference), RefundForm()
    taken = _taken(panel, form.payment.data)
    if taken is None:
        raise NotFoundError("the order has no such payment")
    form.currency = taken.money.currency
    if not form.validate():
        return _ask(page_name, panel, taken, form), 422
    try:
        act(
            desk.merchant(),
            panel.reference,
            reason=form.reason.data,
            actor=desk.actor(),
            amount=amount(form.amount.data, taken.money.currency),
            payment=taken.reference,
            reference=form.refund.data,
        )
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
        return _ask(page_name, panel, taken, form), 422
    except NotRefundableError as refusal:
        return page(panel.reference, refusal=spoken(str(refusal))), 409
    return _back(panel)


def _taken(panel: LinkPanel, name: str | None) -> Taken | None:
    """Return the payment that is named; where nothing is named, there is none to be asked about."""
    if not name:
        return None
    for one in panel.tries:
        for taken in one.taken:
            if taken.reference == name:
                return taken
    raise NotFoundError("the order has no such payment")


def _form_of(taken: Taken) -> RefundForm:
    return RefundForm(payment=taken.reference, amount=taken.left.major)


def _ask(page_name: str, panel: LinkPanel, taken: Taken, form: RefundForm) -> str:
    return render_template(f"dashboard/{page_name}.html", panel=panel, taken=taken, form=form)


def _back(panel: LinkPanel) -> ResponseReturnValue:
    return redirect(url_for("desk_links.show", reference=panel.reference), 303)
