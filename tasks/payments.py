"""Jobs about payments. A job decides nothing: it drains what is due and lets errors rise."""

from dataclasses import asdict

from webapp.domain.budget import Budget
from webapp.domain.desk.job_runs import noted
from webapp.domain.payments import expiry as overdue
from webapp.domain.payments import sessions
from webapp.domain.payments import verification as checks
from webapp.extensions import settings


def verification() -> None:
    """Read every attempt that is due, and settle each."""
    with noted("verification") as work:
        summary = checks.run_due(Budget.of(seconds=settings.drain_for_s))
        work.processed, work.errors = summary.total, summary.errors
        work.detail = asdict(summary)


def check(attempt_reference: str) -> None:
    """Read one attempt now: a buyer waits for it."""
    checks.run_one(attempt_reference, actor="buyer")


def expiry() -> None:
    """End overdue links, closing first where money could be."""
    with noted("expiry") as work:
        summary = overdue.run_due(Budget.of(seconds=settings.drain_for_s))
        work.processed = summary.expired + summary.closing_steps
        work.detail = asdict(summary)


def session_cleanup() -> None:
    """End sittings that are over."""
    with noted("session_cleanup") as work:
        work.processed = sessions.expire_due()
