"""Sending what was given up once more, at a person's word."""

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from webapp import jobs
from webapp.core import text
from webapp.core.errors import InvalidTransitionError, NotFoundError
from webapp.core.states import EmailState, LinkState
from webapp.domain.messages import attention, emails
from webapp.domain.messages.emails import Template
from webapp.domain.transaction import database_now, lock, lock_all, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db
from webapp.models import EmailMessage, PaymentLink


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
    """
    address = text.email_address("to", to) if to else None
    link_id = _link_of(name)
    with transaction() as after_commit:
        link = lock(PaymentLink, PaymentLink.id == link_id)
        messages = _locked(link, name)
        failed = [message for message in messages if message.state is EmailState.FAILED]
        for message in failed:
            _queue_again(link, message, address, actor)
        if not messages and address and link.state is LinkState.PAID:
            emails.promise(link, Template.TICKETS, to=address)
            record(link, "email_address_corrected", actor=actor)
            _end_item(link, link.reference, actor)
        elif not failed:
            raise InvalidTransitionError(_why_not(messages))
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
    message.due_at = database_now()
    _end_item(link, message.reference, actor)


def _end_item(link: PaymentLink, subject: str, actor: str) -> None:
    attention.end_items(
        link, "email_failed", subject=subject, actor=actor, reason="the message is sent again"
    )


def _why_not(messages: list[EmailMessage]) -> str:
    if not messages:
        return "nothing was promised there: a paid order without an address wants --to"
    stand = ", ".join(f"{message.reference} is {message.state}" for message in messages)
    return f"only what FAILED is sent again; {stand}"
