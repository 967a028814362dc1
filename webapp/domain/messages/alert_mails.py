"""Alerts on their way by email: promised with the alert, sent after its commit, at least once.

Who is told twice loses nothing, and who is not told may lose money. So nothing is committed before
the hand-over, as it is for tickets, and whatever leaves a doubt is sent again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, case, exists, func, or_, select, update

from webapp import mail
from webapp.core import references
from webapp.domain.budget import Budget
from webapp.domain.messages.patience import wait
from webapp.domain.transaction import database_now, step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import Alert, AlertMail, EmailMessage, User

logger = structlog.get_logger(__name__)

# What ended and comes again is mailed no more often than this. Its mail waits for that moment, and
# is dropped where the alert ends first: what comes and goes is told once an hour, what stays is
# told late and not never.
_NOT_AGAIN_FOR: Final = timedelta(hours=1)

# A mail server that was away is asked again after this, by one mail a run.
_OUTAGE_WAIT_S: Final = 60.0


@dataclass(frozen=True)
class AlertEmail:
    """What the templates are filled with."""

    site_name: str
    base_url: str
    alert: Alert


@dataclass(frozen=True)
class Lease:
    """One mail that is ours to send until the lease runs out."""

    mail_id: int
    token: str
    tries: int


@dataclass
class Summary:
    """What one run did; `reasons` says why the failed ones were not sent."""

    sent: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many were tried and not sent."""
        return len(self.reasons)


def promise(alert_id: int) -> int:
    """Promise a new alert to each who is to be told, in this transaction; return how many."""
    alert = db.session.get_one(Alert, alert_id)
    recipients = _recipients(alert.merchant_id)
    told_at = _told_at(alert)
    now = database_now()
    for address in recipients:
        told = told_at.get(address)
        due_at = now if told is None else max(now, told + _NOT_AGAIN_FOR)
        db.session.add(AlertMail(alert_id=alert_id, to_address=address, due_at=due_at))
    return len(recipients)


def drop(alert_id: int) -> None:
    """Do not send what was not sent yet: the alert is over. In this transaction."""
    db.session.execute(
        update(AlertMail)
        .where(AlertMail.alert_id == alert_id, AlertMail.sent_at.is_(None))
        .values(due_at=None)
    )


def send_due(budget: Budget) -> Summary:
    """Send what is due, one after the other. A mail server that is away is asked once."""
    return _send_all(budget)


def send_those_of(alert_id: int) -> Summary:
    """Send the mails of one alert that are due."""
    return _send_all(Budget.of(seconds=settings.drain_for_s), AlertMail.alert_id == alert_id)


def _recipients(merchant_id: int | None) -> list[str]:
    """Return who is told, nobody twice: the operator, and the merchant's owners."""
    found = [settings.alert_email] if settings.alert_email else []
    if merchant_id is not None:
        owners = select(User.email).where(User.merchant_id == merchant_id, User.role == "owner")
        found.extend(db.session.scalars(owners.order_by(User.id)))
    once: dict[str, str] = {}
    for address in found:
        once.setdefault(address.lower(), address)
    return list(once.values())


def _told_at(alert: Alert) -> dict[str, datetime]:
    """Return when each address was told of this matter last."""
    rows = db.session.execute(
        select(AlertMail.to_address, func.max(AlertMail.sent_at))
        .join(Alert, Alert.id == AlertMail.alert_id)
        .where(
            Alert.kind == alert.kind,
            Alert.subject == alert.subject,
            AlertMail.sent_at.is_not(None),
        )
        .group_by(AlertMail.to_address)
    )
    return {address: told_at for address, told_at in rows if told_at is not None}


def _send_all(budget: Budget, *which: ColumnElement[bool]) -> Summary:
    summary = Summary()
    while not budget.is_spent:
        lease = _lease_one(*which)
        if lease is None:
            break
        budget.rows -= 1
        if not _send(lease, summary):
            break  # the others can wait for the next run: one question to the server is enough
    return summary


def _lease_one(*which: ColumnElement[bool]) -> Lease | None:
    token = references.token()
    with transaction():
        due = db.session.scalar(
            select(AlertMail)
            .where(
                AlertMail.due_at <= func.now(),
                or_(AlertMail.lease_until.is_(None), AlertMail.lease_until < func.now()),
                *which,
            )
            .order_by(AlertMail.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if due is None:
            return None
        now = database_now()
        due.lease_token = token
        due.lease_until = now + timedelta(seconds=settings.mail_lease_s)
        due.tries += 1
        # Set before anything can fail: whatever becomes of this try, others come first.
        due.due_at = now + wait(due.tries)
        return Lease(due.id, token, due.tries)


def _send(lease: Lease, summary: Summary) -> bool:
    """Compose, hand over, and write down what came of it; whatever fails moves its own clock.

    Returns:
        Whether another mail may fare better.
    """
    row = db.session.get_one(AlertMail, lease.mail_id)
    log = logger.bind(alert=row.alert_id, kind=row.alert.kind, subject=row.alert.subject)
    try:
        _hand_over(row)
    except mail.MailError as error:
        reason = str(error)
        summary.reasons.append(reason)
        if _is_servers_doing(error):
            log.warning("alert_mail_waits", reason=reason)
            _wait_for_server(lease, reason)
            return False
        _fail(lease, reason, log)
    except Exception as error:
        log.exception("alert_mail_broken")
        reason = f"our code failed ({type(error).__name__})"
        summary.reasons.append(reason)
        _fail(lease, reason, log)
    else:
        _conclude(lease, sent_at=func.now(), due_at=None, last_error=None)
        summary.sent += 1
        log.info("alert_mail_sent")
    return True


def _hand_over(row: AlertMail) -> None:
    sender = mail.Mailbox.parse(settings.mail_from)
    content = mail.compose(
        name="alert",
        context=AlertEmail(settings.site_name, settings.base_url, row.alert),
        sender=sender,
        to=mail.Mailbox("", row.to_address),
        message_id=f"<alert-{row.alert_id}-{row.id}@{settings.mail_domain}>",
    ).as_bytes()
    address = row.to_address
    step_outside()
    with mail.transport(settings.mail_url).open(settings.mail_timeout_s) as handover:
        handover.offer(sender.address, address)
        handover.deliver(content)


def _is_servers_doing(error: mail.MailError) -> bool:
    """Say whether no mail gets through. Where that is unclear, the others tell."""
    if not isinstance(error, mail.MailUnclearError):
        return isinstance(error, mail.MailUnavailableError)
    lately = func.now() - timedelta(seconds=settings.mail_outage_wait_s)
    gets_through = exists().where(AlertMail.sent_at > lately)
    others_get_through = exists().where(EmailMessage.sent_at > lately)
    return not db.session.scalar(select(or_(gets_through, others_get_through)))


def _wait_for_server(lease: Lease, reason: str) -> None:
    """Let the mail wait until the server takes mail again. The try does not count."""
    soon = timedelta(seconds=min(_OUTAGE_WAIT_S, settings.mail_outage_wait_s))
    # One that was dropped meanwhile stays so.
    due_at = case((AlertMail.due_at.is_not(None), func.now() + soon))
    _conclude(lease, tries=AlertMail.tries - 1, due_at=due_at, last_error=reason)


def _fail(lease: Lease, reason: str, log: structlog.typing.FilteringBoundLogger) -> None:
    """Let the mail wait for its next time, which its lease has set, or give it up."""
    if lease.tries < settings.mail_tries:
        log.warning("alert_mail_undelivered", reason=reason)
        _conclude(lease, last_error=reason)
        return
    log.error("alert_mail_given_up", reason=reason)
    _conclude(lease, due_at=None, last_error=reason)


def _conclude(lease: Lease, **values: Any) -> None:  # noqa: ANN401  # columns of any kind
    """Write the end of one try, if the lease is still ours."""
    with transaction():
        db.session.execute(
            update(AlertMail)
            .where(AlertMail.id == lease.mail_id, AlertMail.lease_token == lease.token)
            .values(lease_token=None, lease_until=None, **values)
        )
