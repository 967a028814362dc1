"""Alerts: told once, however often they are seen."""

from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from webapp.extensions import db
from webapp.models import Alert

logger = structlog.get_logger(__name__)


def raise_once(
    severity: Literal["alert", "critical"],
    kind: str,
    *,
    subject: str,
    headline: str,
    body: str,
    merchant_id: int | None,
) -> datetime:
    """Note an alert in this transaction; one that is open already is only counted up.

    Args:
        severity: `critical` when money is at stake.
        kind: what sort of matter, such as `mismatch`.
        subject: the reference of what it is about.
        headline: one line, which names no person.
        body: the whole story for whoever has to act.
        merchant_id: whose matter it is besides the operator's.

    Returns:
        Since when it is open, by PostgreSQL's clock.
    """
    row = insert(Alert).values(
        severity=severity,
        kind=kind,
        subject=subject,
        headline=headline,
        body=body,
        merchant_id=merchant_id,
        times=1,
    )
    raised_at, times = db.session.execute(
        row.on_conflict_do_update(
            index_elements=[Alert.kind, Alert.subject],
            index_where=Alert.ended_at.is_(None),
            set_={"times": Alert.times + 1, "last_seen_at": func.now()},
        ).returning(Alert.raised_at, Alert.times)
    ).one()
    log = logger.error if times == 1 else logger.info
    log(
        "alert_raised",
        severity=severity,
        kind=kind,
        subject=subject,
        headline=headline,
        times=times,
    )
    since: datetime = raised_at
    return since


def end(kind: str, subject: str) -> None:
    """End an alert, if it is open: what it told of is over. In this transaction."""
    db.session.execute(
        update(Alert)
        .where(Alert.kind == kind, Alert.subject == subject, Alert.ended_at.is_(None))
        .values(ended_at=func.now())
    )
