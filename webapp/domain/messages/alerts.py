"""Alerts: told once, however often they are seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from webapp import jobs
from webapp.core import references, text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.domain.messages import alert_mails
from webapp.domain.messages.alert_mails import Summary
from webapp.domain.transaction import after_commit, database_now, lock, transaction
from webapp.extensions import db, settings
from webapp.models import Alert

logger = structlog.get_logger(__name__)

Severity = Literal["alert", "critical"]

MAX_REASON: Final = 500


def raise_once(
    severity: Severity,
    kind: str,
    *,
    subject: str,
    headline: str,
    body: str,
    merchant_id: int | None,
    path: str | None = None,
) -> datetime:
    """Note an alert in this transaction; one that is open already is only counted up.

    A new one is promised by email: to the operator, and to the owners of its merchant.

    Args:
        severity: `critical` when money is at stake.
        kind: what sort of matter, such as `amount_mismatch`.
        subject: the reference of what it is about.
        headline: one line, which names no person.
        body: the whole story for whoever has to act.
        merchant_id: whose matter it is besides the operator's.
        path: the page of ours that shows more; its whole address becomes the body's last line.

    Returns:
        Since when it is open, by PostgreSQL's clock.
    """
    row = insert(Alert).values(
        severity=severity,
        kind=kind,
        subject=subject,
        headline=headline,
        body=body if path is None else f"{body.rstrip()}\n{settings.base_url}{path}\n",
        merchant_id=merchant_id,
        times=1,
    )
    alert_id, raised_at, times = db.session.execute(
        row.on_conflict_do_update(
            index_elements=[Alert.kind, Alert.subject],
            index_where=Alert.ended_at.is_(None),
            set_={"times": Alert.times + 1, "last_seen_at": func.now()},
        ).returning(Alert.id, Alert.raised_at, Alert.times)
    ).one()
    is_new = times == 1
    log = logger.error if is_new else logger.info
    log(
        "alert_raised",
        severity=severity,
        kind=kind,
        subject=subject,
        headline=headline,
        times=times,
    )
    if is_new and alert_mails.promise(alert_id):
        after_commit(jobs.kick, jobs.JobName.ALERTS)
    since: datetime = raised_at
    return since


def end(kind: str, subject: str) -> None:
    """End an alert, if it is open: what it told of is over. In this transaction."""
    ended = db.session.scalars(
        update(Alert)
        .where(Alert.kind == kind, Alert.subject == subject, Alert.ended_at.is_(None))
        .values(ended_at=func.now())
        .returning(Alert.id)
    ).all()
    for alert_id in ended:
        alert_mails.drop(alert_id)


def end_by_hand(alert_id: int, *, reason: str) -> Alert:
    """End one open alert because a person says so.

    Raises:
        InvalidInputError: there is no reason.
        NotFoundError: there is no such alert, or it has ended.
    """
    reason = text.one_line("reason", reason, MAX_REASON)
    with transaction():
        alert = lock(Alert, Alert.id == alert_id)
        if alert.ended_at is not None:
            raise NotFoundError("this alert has ended already")
        alert.ended_at, alert.end_reason = database_now(), reason
        alert_mails.drop(alert_id)
    logger.info("alert_ended", alert=alert_id, kind=alert.kind, subject=alert.subject)
    return alert


def latest(*, open_only: bool, limit: int) -> Sequence[Alert]:
    """Return alerts, the newest first."""
    query = select(Alert).order_by(Alert.id.desc()).limit(limit)
    if open_only:
        query = query.where(Alert.ended_at.is_(None))
    return db.session.scalars(query).all()


def try_out() -> Summary:
    """Tell the operator of nothing at all, now, to see whether alerts arrive.

    Returns:
        What came of it; nothing where a worker was quicker and is sending it at this moment.

    Raises:
        InvalidInputError: nobody is to be told of alerts.
    """
    if not settings.alert_email:
        raise InvalidInputError("ALERT_EMAIL", "is not set, so nobody is told of alerts")
    # Each is a matter of its own: a second one within the hour would have to wait.
    subject = references.message_reference()
    with transaction():
        raise_once(
            "alert",
            "test",
            subject=subject,
            headline="This Is a Test",
            body="Somebody asked whether alerts arrive here. They do, and nothing is wrong.",
            merchant_id=None,
        )
    query = select(Alert.id).where(Alert.kind == "test", Alert.subject == subject)
    summary = alert_mails.send_those_of(db.session.scalars(query).one())
    with transaction():
        end("test", subject)
    return summary
