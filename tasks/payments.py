"""Jobs about payments. A job decides nothing: it drains what is due and lets errors rise."""

from dataclasses import asdict

from webapp import jobs
from webapp.domain.budget import Budget
from webapp.domain.desk.job_runs import noted
from webapp.domain.payments import check_leases, sessions
from webapp.domain.payments import expiry as overdue
from webapp.domain.payments import verification as checks
from webapp.extensions import settings


def verification() -> None:
    """Read every attempt that is due, and settle each."""
    with noted("verification") as work:
        # The next sweep comes soon, and until then this process does nothing else.
        seconds = min(settings.drain_for_s, settings.verification_every_s)
        summary = checks.run_due(Budget.of(seconds=seconds))
        work.processed, work.errors = summary.total, summary.errors
        work.detail = asdict(summary)


def check(attempt_reference: str) -> None:
    """Read one attempt soon, and whatever else is due: a buyer waits for it.

    An attempt that could not be read keeps its clock: to ask a silent bank again for each buyer who
    waits would keep all of us waiting.
    """
    jobs.check_started(attempt_reference)
    check_leases.pull_forward(attempt_reference)
    verification()


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
