"""Sending what was given up once more, at a person's word."""

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from webapp import jobs
from webapp.core import text
from webapp.core.errors import (
    InvalidInputError,
    InvalidTransitionError,
    NotFoundError,
    NotRepeatableError,
)
from webapp.core.states import EmailState, LinkState
from webapp.domain.messages import attention, emails
from webapp.domain.messages.emails import Template
from webapp.domain.transaction import database_now, lock, lock_all, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db
from webapp.models import EmailMessage, Merchant, PaymentLink

# Further copies of one order's email that its merchant can ask for.
MAX_COPIES = 5


def retry(name: str, *, to: str | None, actor: str) -> PaymentLink:
    """Queue again what FAILED, at once and with all its tries.

    A paid order that had no address to promise its email to is promised it now.

    Args:
        name: a message's reference, or an order's reference or code: then all that failed of it.
        to: the right address where the old one was wrong. The message keeps its Message-ID.
        actor: who wants it.

    Returns:
        The order's link.

    Raises:
        NotFoundError: the name means nothing here.
        InvalidInputError: `to` is no address.
        InvalidTransitionError: nothing of it has failed.
        NotRepeatableError: the order is not paid any more.
    """
    address = text.email_address("to", to) if to else None
    link_id = _link_of(name)
    with transaction() as after_commit:
        link = lock(PaymentLink, PaymentLink.id == link_id)
        messages = _locked(link, name)
        failed = [message for message in messages if message.state is EmailState.FAILED]
        if failed:
            _require_paid(link)
        for message in failed:
            _queue_again(link, message, address, actor)
        if not messages and address and link.state is LinkState.PAID:
            _promise_first(link, address, actor)
        elif not failed:
            raise InvalidTransitionError(_why_not(messages))
        after_commit(jobs.kick, jobs.JobName.TICKET_EMAIL)
    return link


def again(
    merchant: Merchant, order: str, message: str | None, *, to: str | None, actor: str
) -> PaymentLink:
    """Send one of the merchant's emails again: what FAILED itself, of what was sent a copy.

    Args:
        merchant: whose order it is.
        order: the order's reference.
        message: which of its emails; None where it had no address to promise one to.
        to: the right address, where the old one was wrong.
        actor: who wants it.

    Returns:
        The order's link.

    Raises:
        NotFoundError: the merchant has no such order, or the order no such email.
        InvalidInputError: `to` is no address, or is missing where there was none.
        NotRepeatableError: one is on its way, there were enough copies, or nothing was paid.
    """
    address = text.email_address("to", to) if to else None
    with transaction() as after_commit:
        link = lock(
            PaymentLink, PaymentLink.merchant_id == merchant.id, PaymentLink.reference == order
        )
        messages = lock_all(EmailMessage, EmailMessage.link_id == link.id, by=EmailMessage.id)
        if message is None:
            _promise_only(link, messages, address, actor)
        else:
            _repeat(link, messages, _named(messages, message), address, actor)
        after_commit(jobs.kick, jobs.JobName.TICKET_EMAIL)
    return link


def latest(*, failed_only: bool, limit: int) -> list[EmailMessage]:
    """Return messages with their links, the newest first."""
    query = select(EmailMessage).options(joinedload(EmailMessage.link))
    if failed_only:
        query = query.where(EmailMessage.state == EmailState.FAILED)
    return list(db.session.scalars(query.order_by(EmailMessage.id.desc()).limit(limit)))


def _link_of(name: str) -> int:
    link_id = db.session.scalar(
        select(PaymentLink.id)
        .join(EmailMessage, EmailMessage.link_id == PaymentLink.id, isouter=True)
        .where(or_(EmailMessage.reference == name, PaymentLink.goes_by(name)))
        .limit(1)
    )
    if link_id is None:
        raise NotFoundError(f"there is no message and no order {name!r}")
    return link_id


def _locked(link: PaymentLink, name: str) -> list[EmailMessage]:
    """Lock the messages that a name means: the one of that name, or all of the link's."""
    means_all = name in {link.reference, link.code, link.code.lower()}
    one = () if means_all else (EmailMessage.reference == name,)
    return lock_all(EmailMessage, EmailMessage.link_id == link.id, *one, by=EmailMessage.id)


def _queue_again(link: PaymentLink, message: EmailMessage, address: str | None, actor: str) -> None:
    if address and address != message.to_address:
        message.to_address = address
        record(link, "email_address_corrected", actor=actor, subject=message.reference)
    transition(message, EmailState.QUEUED, actor=actor)
    message.tries = 0
    message.handing_over_at = None
    message.last_error = None
    message.due_at = database_now()
    _end_item(link, message.reference, actor)


def _named(messages: list[EmailMessage], name: str) -> EmailMessage:
    for message in messages:
        if message.reference == name:
            return message
    raise NotFoundError("the order has no such email")


def _repeat(
    link: PaymentLink,
    messages: list[EmailMessage],
    message: EmailMessage,
    address: str | None,
    actor: str,
) -> None:
    _require_paid(link)
    if any(one.is_under_way for one in messages):
        raise NotRepeatableError("an email of this order is on its way already")
    if message.state is EmailState.FAILED:
        _queue_again(link, message, address, actor)
        return
    # The first one is no copy.
    number = len(messages)
    if number > MAX_COPIES:
        raise NotRepeatableError(f"{MAX_COPIES} further copies were sent, which is the most")
    emails.promise(link, Template.TICKETS, to=address or message.to_address, copy=number)
    record(link, "email_copy_promised", actor=actor, subject=message.reference)
    attention.end_items(
        link,
        "message_doubtful",
        subject=message.reference,
        actor=actor,
        reason="a further copy is sent",
    )


def _promise_only(
    link: PaymentLink, messages: list[EmailMessage], address: str | None, actor: str
) -> None:
    if messages or link.state is not LinkState.PAID:
        raise NotRepeatableError("only a paid order that was promised none wants an address")
    if address is None:
        raise InvalidInputError("to", "is needed: nobody told us an address")
    _promise_first(link, address, actor)


def _promise_first(link: PaymentLink, address: str, actor: str) -> None:
    emails.promise(link, Template.TICKETS, to=address)
    record(link, "email_address_corrected", actor=actor)
    _end_item(link, link.reference, actor)


def _require_paid(link: PaymentLink) -> None:
    if link.state is not LinkState.PAID:
        raise NotRepeatableError("only what a paid order buys is sent")


def _end_item(link: PaymentLink, subject: str, actor: str) -> None:
    attention.end_items(
        link, "email_failed", subject=subject, actor=actor, reason="the message is sent again"
    )


def _why_not(messages: list[EmailMessage]) -> str:
    if not messages:
        return "nothing was promised there: a paid order without an address wants --to"
    stand = ", ".join(f"{message.reference} is {message.state}" for message in messages)
    return f"only what FAILED is sent again; {stand}"
