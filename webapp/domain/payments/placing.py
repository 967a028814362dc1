"""Placing: a link made in one go, with the event it is for, and opened: all of it or nothing."""

from dataclasses import replace

from sqlalchemy import func, select

from webapp.core.errors import FormUsedError, InvalidInputError
from webapp.domain.payments import links
from webapp.domain.payments.links import Form, Order
from webapp.domain.tickets import events
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Event, Merchant, PaymentLink


def place(
    merchant: Merchant,
    order: Order,
    *,
    form: Form,
    actor: str,
    plan: events.Plan | None = None,
    opens: bool = True,
) -> PaymentLink:
    """Make a link as a form asks for it; a form that comes twice makes one.

    Args:
        merchant: who gets paid.
        order: for what.
        form: which one asks.
        actor: who sends it.
        plan: an event to be made with it, in place of the order's.
        opens: whether it can be paid at once; otherwise it stays a DRAFT.

    Returns:
        The new link, or the one that this form has made before.

    Raises:
        FormUsedError: it has made one before, and said something else then.
        InvalidInputError: a value cannot be accepted; the plan's fields begin with `event_`.
        NoRoomError: the event has too few places left.
        AccountNotConnectedError: the merchant has no account to be paid to.
    """
    with transaction():
        made = _made_with(merchant, form.id)
        if made is not None:
            if made.form_digest != form.digest:
                raise FormUsedError(made.reference)
            return made
        if plan is not None:
            order = replace(order, event=_event(merchant, plan))
        link = links.write(merchant, order, actor=actor, form=form)
        if opens:
            links.put_up(link, actor=actor)
    return link


def _made_with(merchant: Merchant, form_id: str) -> PaymentLink | None:
    # Two presses at once come in here one after the other.
    key = f"form:{merchant.id}:{form_id}"
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
    return db.session.scalar(
        select(PaymentLink).where(
            PaymentLink.merchant_id == merchant.id, PaymentLink.form_id == form_id
        )
    )


def _event(merchant: Merchant, plan: events.Plan) -> Event:
    try:
        return events.write(merchant, plan)
    except InvalidInputError as error:
        raise InvalidInputError(f"event_{error.field}", error.reason) from error
