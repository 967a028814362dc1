"""Emails: promised with the commit that made them true, sent after it, repeated only from doubt.

Exactly once cannot be had: whoever dies between the server's 250 and our commit leaves doubt. So
`handing_over_at` is committed before the server gets the message. A lease that ran out before it
puts the message back; one that ran out after it makes the message DOUBTFUL, and a doubtful one is
repeated once, with the same Message-ID: a lost ticket is worse than a second copy.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from webapp import mail
from webapp.core import references
from webapp.core.states import EmailState
from webapp.core.text import masked
from webapp.domain.budget import Budget
from webapp.domain.messages import attention, endings
from webapp.domain.messages.endings import ACTOR
from webapp.domain.messages.patience import wait
from webapp.domain.transaction import database_now, lock, require_locked, step_outside, transaction
from webapp.domain.transitions import transition
from webapp.extensions import db, settings
from webapp.models import EmailMessage, PaymentLink

logger = structlog.get_logger(__name__)

# For so long the end of a try is written again when the database is away, with pauses between.
_PERSIST_S = 2.0
_PAUSE_S = 0.25


class Template(StrEnum):
    """What a message is made from: a folder of templates."""

    TICKETS = "tickets"


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

# What each error of the mail means for the message, and what the log calls it.
_ENDINGS: Mapping[type[mail.MailError], tuple[str, Step]] = {
    mail.MailRefusedError: ("email_refused", endings.fail),
    mail.MailPostponedError: ("email_undelivered", endings.retry_later),
    mail.MailUnclearError: ("email_undelivered", endings.retry_or_wait),
    mail.MailUnavailableError: ("mail_unavailable", endings.wait_for_server),
    mail.MailDoubtfulError: ("email_doubtful", endings.doubt),
}


class LeaseLostError(Exception):
    """Somebody else has taken the message over: we were too slow."""


class NotNeededError(Exception):
    """What the message was to bring is not the buyer's any more. A composer says so."""


def promise(
    link: PaymentLink, template: Template, *, to: str | None = None, copy: int | None = None
) -> None:
    """Queue an email about the link, in this transaction. The same promise cannot be made twice.

    Args:
        link: what it is about.
        template: what it is made from.
        to: an address in its normal form, where it is not the buyer's that the link knows.
        copy: the number of a further copy: each is a promise of its own.
    """
    require_locked(link)
    address = to or link.buyer_email
    if address is None:
        attention.raise_item(
            link,
            "email_failed",
            "Nobody told us an address to send the tickets to.",
            actor=ACTOR,
            subject=link.reference,
        )
        return
    number = "" if copy is None else f":{copy}"
    db.session.add(
        EmailMessage(
            link_id=link.id,
            promise=f"{template}:{link.reference}{number}",
            template=template,
            to_address=address,
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
        if not _send(lease, composers):
            break  # the others can wait for the next run: one question to the server is enough
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
            endings.retry_unless_in_doubt(link, message, "the sender died")


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
        message.due_at = now + wait(message.tries)
        return Lease(message.id, message.link_id, message.reference, message.template, token)


def _send(lease: Lease, composers: Mapping[str, Composer]) -> bool:
    """Compose, hand over, and write down what came of it; whatever fails moves its own clock.

    Returns:
        Whether another message may fare better.
    """
    log = logger.bind(message=lease.reference, template=lease.template)
    try:
        letter = composers[lease.template](lease)
        _hand_over(lease, letter)
    except LeaseLostError:
        log.warning("email_lease_lost")
    except NotNeededError as error:
        log.info("email_withdrawn", reason=str(error))
        _conclude(lease, endings.withdraw, str(error))
    except mail.MailError as error:
        name, step = _ENDINGS[type(error)]
        log.warning(name, reason=str(error))
        _conclude(lease, step, str(error))
        return not isinstance(error, mail.MailUnavailableError)
    except Exception as error:
        log.exception("email_failed")
        reason = f"our code failed ({type(error).__name__})"
        _conclude(lease, endings.retry_unless_in_doubt, reason)
    else:
        _conclude(lease, endings.succeed, "")
        sentence = f"Confirmation email sent to {masked(letter.to)}"
        log.info(sentence)
    return True


def _hand_over(lease: Lease, letter: Letter) -> None:
    step_outside()
    with mail.transport(settings.mail_url).open(settings.mail_timeout_s) as handover:
        handover.offer(mail.Mailbox.parse(settings.mail_from).address, letter.to)
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
    """Write the end of one try, if the lease is still ours.

    The server may have the message, and who cannot write that down makes a second copy of it: so a
    database that is away for a moment is asked again for a moment, with nothing held meanwhile.
    """
    begun = time.monotonic()
    while True:
        try:
            _write_end(lease, step, reason)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            if time.monotonic() - begun > _PERSIST_S:
                raise
            logger.warning("email_end_unwritten", reason=type(error).__name__)
            time.sleep(_PAUSE_S)
        else:
            return


def _write_end(lease: Lease, step: Step, reason: str) -> None:
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == lease.link_id)
        message = lock(EmailMessage, EmailMessage.id == lease.message_id)
        if message.lease_token == lease.token:
            step(link, message, reason)
