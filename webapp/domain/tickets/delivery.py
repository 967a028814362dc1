"""Delivery: a link's tickets printed once, and the email that brings them."""

from dataclasses import replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from webapp import mail
from webapp.core.states import LinkState
from webapp.documents import qr, ticket_pdf
from webapp.documents.ticket_email import TicketEmail
from webapp.documents.ticket_order import TicketOrder
from webapp.domain.budget import Budget
from webapp.domain.messages import emails
from webapp.domain.messages.emails import Lease, Letter, NotNeededError, Template
from webapp.domain.tickets import buyer_tokens, orders
from webapp.domain.transaction import step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import EmailMessage, TicketDocument

_CALENDAR: Final = "text/calendar; charset=utf-8"


def send_due(budget: Budget) -> int:
    """Send the tickets' emails that are due; return how many were tried."""
    return emails.send_due(budget, {Template.TICKETS: _compose})


def pdf(link_id: int, order: TicketOrder) -> bytes:
    """Return the link's printed tickets; print and keep them the first time.

    Two workers may print at once: the first to store its bytes wins, and both return those.
    """
    content = orders.stored_pdf(link_id)
    if content is not None:
        return content
    step_outside()  # printing takes long: no connection waits for it
    printed = ticket_pdf.render(order)
    with transaction():
        row = insert(TicketDocument).values(link_id=link_id, content=printed)
        db.session.execute(row.on_conflict_do_nothing())
    stored = select(TicketDocument.content).where(TicketDocument.link_id == link_id)
    return db.session.scalars(stored).one()


def _compose(lease: Lease) -> Letter:
    """Make the message of one promise; a repeat has the same Message-ID.

    Raises:
        NotNeededError: the order was refunded meanwhile, and its tickets admit nobody.
    """
    message = db.session.get_one(EmailMessage, lease.message_id)
    link = message.link
    if link.state is LinkState.REFUNDED:
        # Read without a lock: a refund from here on comes after the email, as most do.
        raise NotNeededError("the order was refunded before it was sent")
    order = orders.order_of(link)
    told = TicketEmail(
        order=order,
        paid_at=orders.paid_at(link),
        timezone=orders.timezone(link),
        page_url=buyer_tokens.page_url(link.code),
        is_pdf_attached=bool(order.tickets),
    )
    to = mail.Mailbox(name=link.buyer_name or "", address=message.to_address)
    support = link.merchant.support_email
    day = orders.calendar_of(order)
    small = [] if day is None else [mail.Attachment(day.name, _CALENDAR, day.content)]
    large = []
    if order.tickets:
        name, printed = orders.pdf_name(order.order_reference), pdf(link.id, order)
        large.append(mail.Attachment(name, "application/pdf", printed))

    def composed(email: TicketEmail, files: list[mail.Attachment]) -> bytes:
        return mail.compose(
            name=Template.TICKETS,
            context=email,
            sender=mail.Mailbox.parse(settings.mail_from),
            to=to,
            message_id=f"<{lease.reference}@{settings.mail_domain}>",
            reply_to=mail.Mailbox(name=link.merchant.name, address=support) if support else None,
            attachments=files,
            inline=[
                mail.InlineImage(
                    filename=f"{ticket.serial}.png",
                    content_type="image/png",
                    content=qr.png(ticket.code),
                    content_id=email.content_id(ticket),
                )
                for ticket in order.tickets
            ],
        ).as_bytes()

    content = composed(told, [*large, *small])
    if len(content) > settings.mail_max_bytes and large:
        content = composed(replace(told, is_pdf_attached=False), small)
    return Letter(message.to_address, content)
