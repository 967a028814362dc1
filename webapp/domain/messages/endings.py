"""How one try to send an email may end. Each step is taken inside the transaction that writes it.

What ends a promise is a refusal for good, repeated failures of this one message, or a refund of the
order before it was sent. A mail server that is away, or that takes nothing from us, ends none: such
a try is given back.
"""

from datetime import timedelta

from sqlalchemy import exists, func, select

from webapp.core.states import EmailState
from webapp.domain.messages import alerts, attention
from webapp.domain.messages.patience import wait
from webapp.domain.transaction import database_now
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import EmailMessage, PaymentLink

ACTOR = "sweep:ticket_email"

# One open alert is one outage.
ALERT_KIND = "mail_unavailable"
ALERT_SUBJECT = "mail"


def succeed(link: PaymentLink, message: EmailMessage, _reason: str) -> None:
    """Note that the server took the message; an outage is over with that."""
    transition(message, EmailState.SENT, actor=ACTOR)
    _release(message)
    message.sent_at = database_now()
    message.last_error = None
    attention.end_items(
        link,
        "message_doubtful",
        "email_failed",
        subject=message.reference,
        actor=ACTOR,
        reason="the message was sent",
    )
    alerts.end(ALERT_KIND, ALERT_SUBJECT)


def retry_unless_in_doubt(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Put the message back, or doubt it where the hand-over had begun."""
    step = retry_later if message.handing_over_at is None else doubt
    step(link, message, reason)


def retry_later(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Put the message back into the queue; its next time was set when it was leased."""
    if message.tries >= settings.mail_tries:
        fail(link, message, reason)
        return
    _put_back(message, reason)


def retry_or_wait(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Ask the other messages whose fault it is: where they get through, it is this one's."""
    lately = func.now() - timedelta(seconds=settings.mail_outage_wait_s)
    others_get_through = exists().where(
        EmailMessage.id != message.id, EmailMessage.sent_at > lately
    )
    step = retry_later if db.session.scalar(select(others_get_through)) else wait_for_server
    step(link, message, reason)


def wait_for_server(_link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Put the message back until the server takes mail again, and tell the operator once.

    The try does not count. The longer the outage, the longer the wait, up to the setting.
    """
    since = alerts.raise_once(
        "alert",
        ALERT_KIND,
        subject=ALERT_SUBJECT,
        headline="No Mail Is Going Out",
        body=(
            f"The mail server takes no messages from us: {reason}. They wait, none is lost, and "
            "they are sent once it does. MAIL_URL and MAIL_FROM say how we reach it."
        ),
        merchant_id=None,
    )
    _put_back(message, reason)
    message.tries -= 1
    now = database_now()
    longest = timedelta(seconds=settings.mail_outage_wait_s)
    message.due_at = now + min(max((now - since) / 2, wait(1)), longest)


def fail(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Give the message up and ask a person; `resending.retry` is how it goes on."""
    transition(message, EmailState.FAILED, actor=ACTOR, reason=reason[:200])
    _release(message)
    message.last_error = reason
    attention.raise_item(
        link,
        "email_failed",
        "The email with the tickets could not be delivered.",
        actor=ACTOR,
        subject=message.reference,
    )


def withdraw(_link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Give up a message that nobody needs any more: there is nothing to ask a person about."""
    transition(message, EmailState.FAILED, actor=ACTOR, reason=reason[:200])
    _release(message)
    message.last_error = reason


def doubt(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Note that the server may have the message; the second time a person is asked."""
    transition(message, EmailState.DOUBTFUL, actor=ACTOR, reason=reason[:200])
    _release(message)
    message.last_error = reason
    message.due_at = database_now() + timedelta(seconds=settings.mail_repeat_after_s)
    if message.repeats > 0:
        attention.raise_item(
            link,
            "message_doubtful",
            "The email was handed over twice, and nobody knows whether it arrived.",
            actor=ACTOR,
            subject=message.reference,
        )


def _put_back(message: EmailMessage, reason: str) -> None:
    transition(message, EmailState.QUEUED, actor=ACTOR)
    _release(message)
    message.handing_over_at = None
    message.last_error = reason


def _release(message: EmailMessage) -> None:
    message.lease_token = message.lease_until = None
