"""Emails that a payment promised, and what becomes of them at a mail server."""

import email
import email.policy
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.message import EmailMessage as Message
from typing import Any

from sqlalchemy import select

from tests.factories import Factories, fresh, paid
from tests.unit.mail_servers import MailServer
from webapp.core import clock
from webapp.core.states import AttentionState
from webapp.domain.budget import Budget
from webapp.domain.messages import emails
from webapp.domain.messages.emails import Composer
from webapp.domain.payments import settlement
from webapp.domain.tickets import delivery
from webapp.extensions import db
from webapp.models import AttentionItem, EmailMessage


class Moment(dict[str, Any]):
    """The script of a server that answers as usual, but does something first at one stage."""

    def __init__(self, stage: str, act: Callable[[], object]) -> None:
        super().__init__({stage: act})

    def get(self, stage: str, usual: Any = None) -> Any:
        if stage in self:
            self[stage]()
        return usual


def promised(make: Factories, **order: Any) -> EmailMessage:
    """Have an order paid and return the email that this promised: a receipt, quickly made."""
    attempt = make.pending(**({"ticket_count": 0} | order))
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    query = select(EmailMessage).where(EmailMessage.link_id == attempt.link_id)
    return db.session.scalars(query).one()


def send_due(composers: Mapping[str, Composer] | None = None) -> int:
    """Send what is due as the job does; return how many messages were tried."""
    budget = Budget.of(seconds=60)
    if composers is None:
        return delivery.send_due(budget)
    return emails.send_due(budget, composers)


def make_due(make: Factories, message: EmailMessage) -> None:
    """Let the message's next time come."""
    make.change(message, due_at=clock.now() - timedelta(seconds=1))


def lapse(make: Factories, message: EmailMessage) -> None:
    """Let the lease run out, as it does when its holder has died."""
    make.change(message, lease_until=clock.now() - timedelta(seconds=1))


def wait_s(message: EmailMessage) -> float:
    """Return the seconds until the message is due."""
    return (fresh(message).due_at - clock.now()).total_seconds()


def open_items(message: EmailMessage) -> list[str]:
    """Return the kinds of the items that wait for a person because of this message."""
    query = select(AttentionItem.kind).where(
        AttentionItem.subject == message.reference, AttentionItem.state == AttentionState.OPEN
    )
    return sorted(db.session.scalars(query))


def received(server: MailServer) -> list[Message]:
    """Return the messages that a server was given, whatever it answered."""
    return [read(envelope.original_content or b"") for envelope in server.taken]


def read(content: bytes) -> Message:
    """Read one message as a mail program does."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, Message)
    return message


def pdf_of(message: Message) -> bytes | None:
    """Return the PDF that came with a message, or None."""
    for part in message.iter_attachments():
        if part.get_content_type() == "application/pdf":
            content: bytes = part.get_content()
            return content
    return None
