"""What can be done with a link: opened, canceled, decided about, its email sent again."""

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    InvalidTransitionError,
    LinkNotPayableError,
    NoRoomError,
    NotFoundError,
    NotRepeatableError,
    PaymentInFlightError,
)
from webapp.core.states import LinkState
from webapp.domain.messages import resending
from webapp.domain.payments import links, reviews
from webapp.web.dashboard import desk
from webapp.web.dashboard.forms import DeskForm, DismissForm, OpenForm, SendForm
from webapp.web.dashboard.links import page, panel_of
from webapp.web.dashboard.panels import LinkPanel, Mailed
from webapp.web.dashboard.sentences import spoken

blueprint = desk.blueprint("desk_acting")

_REFUSALS = (
    AccountNotConnectedError,
    InvalidTransitionError,
    LinkNotPayableError,
    NoRoomError,
    NotRepeatableError,
    PaymentInFlightError,
)


@blueprint.get("/desk/links/<reference>/open")
def show_open(reference: str) -> ResponseReturnValue:
    """Ask how long a draft is to be open."""
    panel = panel_of(reference)
    if not panel.offers_open:
        return _back(reference)
    return _ask("open", panel, OpenForm.of(links.get(desk.merchant(), reference)))


@blueprint.post("/desk/links/<reference>/open")
def open_(reference: str) -> ResponseReturnValue:
    """Put a draft up for payment."""
    panel, form = panel_of(reference), OpenForm()
    if not form.validate():
        return _ask("open", panel, form), 422
    return _do(
        "open",
        panel,
        form,
        lambda: links.open_(
            desk.merchant(), reference, actor=desk.actor(), expires_at=form.expires_at.end()
        ),
        goal=LinkState.OPEN,
    )


@blueprint.get("/desk/links/<reference>/cancel")
def show_cancel(reference: str) -> ResponseReturnValue:
    """Ask whether the link is really to be canceled."""
    panel = panel_of(reference)
    return _ask("cancel", panel, DeskForm()) if panel.offers_cancel else _back(reference)


@blueprint.post("/desk/links/<reference>/cancel")
def cancel(reference: str) -> ResponseReturnValue:
    """End a link; where money could be on its way, a worker does it."""
    return _do(
        "cancel",
        panel_of(reference),
        DeskForm(),
        lambda: links.cancel(desk.merchant(), reference, actor=desk.actor()),
        goal=LinkState.CANCELED,
    )


@blueprint.get("/desk/links/<reference>/review")
def show_review(reference: str) -> ResponseReturnValue:
    """Show what was expected, what came, and the two ways on."""
    panel = panel_of(reference)
    return _ask("review", panel, DismissForm()) if panel.offers_review else _back(reference)


@blueprint.post("/desk/links/<reference>/accept")
def accept(reference: str) -> ResponseReturnValue:
    """Take the held money as payment."""
    return _do(
        "review",
        panel_of(reference),
        DismissForm(),
        lambda: reviews.accept(desk.merchant(), reference, actor=desk.actor()),
        goal=LinkState.PAID,
    )


@blueprint.post("/desk/links/<reference>/dismiss")
def dismiss(reference: str) -> ResponseReturnValue:
    """Do not take the held money as payment."""
    panel, form = panel_of(reference), DismissForm()
    if not form.validate():
        return _ask("review", panel, form), 422
    return _do(
        "review",
        panel,
        form,
        lambda: reviews.dismiss(
            desk.merchant(), reference, reason=form.reason.data, actor=desk.actor()
        ),
    )


@blueprint.get("/desk/links/<reference>/send")
def show_send(reference: str) -> ResponseReturnValue:
    """Ask where an email is to be sent again."""
    panel = panel_of(reference)
    message = _message(panel, request.args.get("message"))
    if not (message.can_be_repeated if message else panel.wants_address):
        return _back(reference)
    # Nothing but the name comes from the address: a link that somebody sent could fill in theirs.
    form = SendForm(message=message.reference if message else None)
    return _ask("send", panel, form, message=message)


@blueprint.post("/desk/links/<reference>/send")
def send(reference: str) -> ResponseReturnValue:
    """Send an email again, or the first one where the order had no address."""
    panel, form = panel_of(reference), SendForm()
    message = _message(panel, form.message.data)
    if not form.validate():
        return _ask("send", panel, form, message=message), 422
    return _do(
        "send",
        panel,
        form,
        lambda: resending.again(
            desk.merchant(),
            panel.reference,
            message.reference if message else None,
            to=form.to.data,
            actor=desk.actor(),
        ),
        message=message,
    )


def _message(panel: LinkPanel, name: str | None) -> Mailed | None:
    if not name:
        return None
    for message in panel.messages:
        if message.reference == name:
            return message
    raise NotFoundError("the order has no such email")


def _ask(page_name: str, panel: LinkPanel, form: DeskForm, **further: object) -> str:
    return render_template(f"dashboard/{page_name}.html", panel=panel, form=form, **further)


def _back(reference: str) -> ResponseReturnValue:
    return redirect(url_for("desk_links.show", reference=reference), 303)


def _do(
    page_name: str,
    panel: LinkPanel,
    form: DeskForm,
    act: Callable[[], object],
    *,
    goal: LinkState | None = None,
    **further: object,
) -> ResponseReturnValue:
    """Do it and show the link; or say at the field, or above the link, why it was not done.

    Args:
        page_name: the page that asked.
        panel: the link as it stood before.
        form: what was sent.
        act: what to do.
        goal: the state in which it is done already: a second press of the button is no mistake.
        further: what else the page needs, if it is shown again.
    """
    try:
        act()
    except InvalidInputError as error:
        form.blame(error.field, error.reason)
        return _ask(page_name, panel, form, **further), 422
    except _REFUSALS as refusal:
        if panel_of(panel.reference).status != goal:
            is_unnamed = isinstance(refusal, InvalidTransitionError)
            said = "The link has moved on meanwhile." if is_unnamed else spoken(str(refusal))
            return page(panel.reference, refusal=said), 409
    return _back(panel.reference)
