"""Jobs for whoever runs the place."""

import structlog

from webapp.domain.budget import Budget
from webapp.domain.desk.job_runs import noted
from webapp.domain.messages import alert_mails
from webapp.domain.payments import audit as books
from webapp.extensions import settings

logger = structlog.get_logger(__name__)


def alerts() -> None:
    """Send the alerts that nobody was told yet."""
    with noted("alerts") as work:
        summary = alert_mails.send_due(Budget.of(seconds=settings.drain_for_s))
        work.processed, work.errors = summary.sent, summary.failed


def audit() -> None:
    """Prove that captured money has ended, and say loudly where it has not."""
    with noted("audit") as work:
        report = books.run()
        work.processed, work.errors = report.captures, len(report.findings)
        work.detail = {"findings": [f"{one.rule}: {one.subject}" for one in report.findings[:50]]}
        for finding in report.findings:
            logger.critical("audit_finding", rule=finding.rule, subject=finding.subject)
