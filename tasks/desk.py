"""Jobs for whoever runs the place."""

import structlog

from webapp.domain.desk.job_runs import noted
from webapp.domain.payments import audit as books

logger = structlog.get_logger(__name__)


def audit() -> None:
    """Prove that captured money has ended, and say loudly where it has not."""
    with noted("audit") as work:
        report = books.run()
        work.processed, work.errors = report.captures, len(report.findings)
        work.detail = {"findings": [f"{one.rule}: {one.subject}" for one in report.findings[:50]]}
        for finding in report.findings:
            logger.critical("audit_finding", rule=finding.rule, subject=finding.subject)
