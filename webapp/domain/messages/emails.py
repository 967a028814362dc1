"""Emails: promised with the commit that made them true, sent after it, repeated only from doubt.

Exactly once cannot be had: whoever dies between the server's 250 and our commit leaves doubt. So
`handing_over_at` is committed before the server gets the message. A lease that ran out before it
puts the message back; one that ran out after it makes the message DOUBTFUL, and a doubtful one is
repeated once, with the same Message-ID: a lost ticket is worse than a second copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import and_, func, or_, select, update

from webapp import mail
from webapp.core import references
from webapp.core.states import EmailState
from webapp.domain.budget import Budget
from webapp.domain.messages import attention
from webapp.domain.transaction import database_now, lock, require_locked, step_outside, transaction
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import EmailMessage, PaymentLink

logger = structlog.get_logger(__name__)

ACTOR = "sweep:ticket_email"

# A server that is away is asked again after 1, 2, 4 … minutes, at most every hour.
_FIRST_WAIT_S = 60
_LONGEST_WAIT_S = 3600


@dataclass(frozen=True)
class Letter:
    """One message ready to be handed over. Nothing of it may reach a log."""

    to: str
    content: bytes


@dataclass(frozen=True)
class Lease:
    """One message that is ours to send until the lease runs out."""

    message_id: int
    link_id: int
    reference: str
    template: str
    token: str


Composer = Callable[[Lease], Letter]
Step = Callable[[PaymentLink, EmailMessage, str], None]


class LeaseLostError(Exception):
    """Somebody else has taken the message over: we were too slow."""


def promise(link: PaymentLink, template: str) -> None:
    """Queue an email about the link, in this transaction. The same promise cannot be made twice."""
    require_locked(link)
    if link.buyer_email is None:
        attention.raise_item(
            link,
            "email_failed",
            "Nobody told us an address to send the tickets to.",
            actor=ACTOR,
            subject=link.reference,
        )
        return
    db.session.add(
        EmailMessage(
            link_id=link.id,
            promise=f"{template}:{link.reference}",
            template=template,
            to_address=link.buyer_email,
        )
    )


def send_due(budget: Budget, composers: Mapping[str, Composer]) -> int:
    """Send what is due, one after the other; return how many were tried.

    Args:
        budget: how many, and how long new ones are taken on.
        composers: how to make the message of each template.
    """
    tried = 0
    doubt_lost_leases()
    while not budget.is_spent:
        lease = _lease_one()
        if lease is None:
            break
        budget.rows -= 1
        tried += 1
        _send(lease, composers)
    return tried


def doubt_lost_leases() -> int:
    """Give up leases whose holder died; return how many there were.

    Before the hand-over nothing can have been sent: back into the queue. After it, doubt.
    """
    lost = db.session.execute(
        select(EmailMessage.id, EmailMessage.link_id).where(
            EmailMessage.state == EmailState.SENDING, EmailMessage.lease_until < func.now()
        )
    ).all()
    for message_id, link_id in lost:
        try:
            _give_up_lease(message_id, link_id)
        except Exception:
            # A link that somebody holds for long must not keep the other messages waiting.
            logger.exception("email_lease_stuck", message_id=message_id)
    return len(lost)


def _give_up_lease(message_id: int, link_id: int) -> None:
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == link_id)
        message = lock(EmailMessage, EmailMessage.id == message_id)
        has_run_out = message.lease_until is not None and message.lease_until < database_now()
        if message.state is EmailState.SENDING and has_run_out:
            _retry_unless_in_doubt(link, message, "the sender died")


def _lease_one() -> Lease | None:
    token = references.token()
    with transaction():
        message = db.session.scalar(
            select(EmailMessage)
            .where(
                EmailMessage.due_at <= func.now(),
                or_(
                    EmailMessage.state == EmailState.QUEUED,
                    and_(EmailMessage.state == EmailState.DOUBTFUL, EmailMessage.repeats == 0),
                ),
            )
            .order_by(EmailMessage.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if message is None:
            return None
        if message.state is EmailState.DOUBTFUL:
            message.repeats += 1
        transition(message, EmailState.SENDING, actor=ACTOR)
        now = database_now()
        message.lease_token = token
        message.lease_until = now + timedelta(seconds=settings.mail_lease_s)
        message.handing_over_at = None
        message.tries += 1
        # Set before anything can fail: whatever becomes of this try, others come first.
        message.due_at = now + _wait(message.tries)
        return Lease(message.id, message.link_id, message.reference, message.template, token)


def _send(lease: Lease, composers: Mapping[str, Composer]) -> None:
    """Compose, hand over, and write down what came of it; whatever fails moves its own clock."""
    log = logger.bind(message=lease.reference, template=lease.template)
    try:
        _hand_over(lease, composers[lease.template](lease))
    except LeaseLostError:
        log.warning("email_lease_lost")
    except mail.MailRefusedError as error:
        log.warning("email_refused", reason=str(error))
        _conclude(lease, _fail, str(error))
    except mail.MailUndeliveredError as error:
        log.warning("email_undelivered", reason=str(error))
        _conclude(lease, _retry_later, str(error))
    except mail.MailDoubtfulError as error:
        log.warning("email_doubtful", reason=str(error))
        _conclude(lease, _doubt, str(error))
    except Exception as error:
        log.exception("email_failed")
        _conclude(lease, _retry_unless_in_doubt, f"our code failed ({type(error).__name__})")
    else:
        _conclude(lease, _succeed, "")
        log.info("email_sent")


def _hand_over(lease: Lease, letter: Letter) -> None:
    step_outside()
    with mail.transport(settings.mail_url).open(settings.mail_timeout_s) as handover:
        handover.offer(mail.address_of(settings.mail_from), letter.to)
        _begin_hand_over(lease)
        step_outside()
        handover.deliver(letter.content)


def _begin_hand_over(lease: Lease) -> None:
    """Commit that from here on no news is doubt; only the lease's holder may.

    The lease begins anew, however long the message was composed: it outlives the conversation.
    """
    with transaction():
        held = db.session.scalar(
            update(EmailMessage)
            .where(
                EmailMessage.id == lease.message_id,
                EmailMessage.lease_token == lease.token,
                EmailMessage.lease_until > func.now(),
            )
            .values(
                handing_over_at=func.now(),
                lease_until=func.now() + timedelta(seconds=settings.mail_lease_s),
            )
            .returning(EmailMessage.id)
        )
    if held is None:
        raise LeaseLostError


def _conclude(lease: Lease, step: Step, reason: str) -> None:
    """Write the end of one try, if the lease is still ours."""
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == lease.link_id)
        message = lock(EmailMessage, EmailMessage.id == lease.message_id)
        if message.lease_token == lease.token:
            step(link, message, reason)


def _release(message: EmailMessage) -> None:
    message.lease_token = message.lease_until = None


def _succeed(link: PaymentLink, message: EmailMessage, _reason: str) -> None:
    transition(message, EmailState.SENT, actor=ACTOR)
    _release(message)
    message.sent_at = database_now()
    message.last_error = None
    attention.end_items(
        link, "message_doubtful", "email_failed", actor=ACTOR, reason="the message was sent"
    )


def _retry_unless_in_doubt(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    step = _retry_later if message.handing_over_at is None else _doubt
    step(link, message, reason)


def _retry_later(link: PaymentLink, message: EmailMessage, reason: str) -> None:
    """Put the message back into the queue; its next time was set when it was leased."""
    if message.tries >= settings.mail_tries:
        _fail(link, message, reason)
        return
    transition(message, EmailState.QUEUED, actor=ACTOR)
    _release(message)
    message.handing_over_at = None
    message.last_error = reason


def _wait(tries: int) -> timedelta:
    return timedelta(seconds=min(_FIRST_WAIT_S * 2 ** (tries - 1), _LONGEST_WAIT_S))


def _fail(link: PaymentLink, message: EmailMessage, reason: str) -> None:
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


def _doubt(link: PaymentLink, message: EmailMessage, reason: str) -> None:
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
