"""Delivery: a link's tickets printed once, and the email that brings them."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from webapp import mail
from webapp.documents import qr, ticket_pdf
from webapp.documents.ticket_email import TicketEmail
from webapp.documents.ticket_order import PrintedTicket, TicketOrder
from webapp.domain.budget import Budget
from webapp.domain.messages import emails
from webapp.domain.messages.emails import Lease, Letter, Template
from webapp.domain.tickets import tickets
from webapp.domain.transaction import step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import EmailMessage, PaymentLink, TicketDocument


def send_due(budget: Budget) -> int:
    """Send the tickets' emails that are due; return how many were tried."""
    return emails.send_due(budget, {Template.TICKETS: _compose})


def pdf(link_id: int, order: TicketOrder) -> bytes:
    """Return the link's printed tickets; print and keep them the first time.

    Two workers may print at once: the first to store its bytes wins, and both return those.
    """
    stored = select(TicketDocument.content).where(TicketDocument.link_id == link_id)
    content: bytes | None = db.session.scalar(stored)
    if content is not None:
        return content
    step_outside()  # printing takes long: no connection waits for it
    printed = ticket_pdf.render(order)
    with transaction():
        row = insert(TicketDocument).values(link_id=link_id, content=printed)
        db.session.execute(row.on_conflict_do_nothing())
    return db.session.scalars(stored).one()


def order_of(link: PaymentLink) -> TicketOrder:
    """Return what a paid link's documents say."""
    issued = tickets.of_link(link.id)
    event = link.event
    return TicketOrder(
        merchant_name=link.merchant.name,
        order_reference=link.reference,
        title=link.title,
        event_name=event.title if event else None,
        event_place=event.place if event else None,
        event_starts_at=event.starts_at if event else None,
        event_timezone=event.timezone if event else None,
        amount=link.money,
        buyer_name=link.buyer_name,
        instructions=link.merchant.ticket_instructions,
        support_email=link.merchant.support_email,
        tickets=tuple(
            PrintedTicket(ticket.serial, ticket.code, ticket.number, len(issued))
            for ticket in issued
        ),
    )


def _compose(lease: Lease) -> Letter:
    """Make the message of one promise; a repeat has the same Message-ID."""
    message = db.session.get_one(EmailMessage, lease.message_id)
    link = message.link
    order = order_of(link)
    if link.paid_at is None:
        raise ValueError(f"{link.reference} promises tickets and was not paid")
    told = TicketEmail(
        order=order,
        paid_at=link.paid_at,
        timezone=link.event.timezone if link.event else "UTC",
        page_url=f"{settings.base_url}/pay/{link.code}",
        is_pdf_attached=bool(order.tickets),
    )
    to = mail.Mailbox(name=link.buyer_name or "", address=message.to_address)
    support = link.merchant.support_email
    attachments = []
    if order.tickets:
        printed = pdf(link.id, order)
        attachments.append(
            mail.Attachment(f"tickets-{order.order_reference}.pdf", "application/pdf", printed)
        )

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

    content = composed(told, attachments)
    if len(content) > settings.mail_max_bytes and attachments:
        content = composed(replace(told, is_pdf_attached=False), [])
    return Letter(message.to_address, content)
