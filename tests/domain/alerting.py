"""Alerts that are raised in tests, and what becomes of their mails."""

from datetime import timedelta
from typing import Any

from tests.factories import Factories, everything
from webapp.core import clock
from webapp.domain.budget import Budget
from webapp.domain.messages import alert_mails, alerts
from webapp.domain.messages.alert_mails import Summary
from webapp.domain.transaction import transaction
from webapp.models import Alert, AlertMail

OPERATOR = "ops@pay.example"


def raised(subject: str = "ORD-1", **differing: Any) -> Alert:
    """Raise an alert as a rule does, in a transaction of its own; return the newest."""
    ordinary: dict[str, Any] = {
        "headline": f"Amount Mismatch - Order {subject}",
        "body": "Expected and received differ.\n",
        "merchant_id": None,
    }
    with transaction():
        alerts.raise_once("critical", "amount_mismatch", subject=subject, **ordinary | differing)
    return everything(Alert)[-1]


def ended(alert: Alert) -> None:
    """End an alert as a rule does."""
    with transaction():
        alerts.end(alert.kind, alert.subject)


def send_due(rows: int = 100) -> Summary:
    """Send what is due as the job does."""
    return alert_mails.send_due(Budget.of(seconds=60, rows=rows))


def make_due(make: Factories, *which: AlertMail) -> None:
    """Let the next time of these mails come, or of all that have one."""
    for row in which or [row for row in everything(AlertMail) if row.due_at is not None]:
        make.change(row, due_at=clock.now() - timedelta(seconds=1))


def wait_s(row: AlertMail) -> float:
    """Return the seconds until the mail is due."""
    assert row.due_at is not None
    return (row.due_at - clock.now()).total_seconds()
