"""Jobs about payments. A job decides nothing: it drains what is due and lets errors rise."""

from dataclasses import asdict

from webapp import jobs
from webapp.domain.budget import Budget
from webapp.domain.desk.job_runs import noted
from webapp.domain.payments import (
    account_changes,
    check_leases,
    refund_rounds,
    reversal_rounds,
    sessions,
    starts,
)
from webapp.domain.payments import expiry as overdue
from webapp.domain.payments import tokens as consented
from webapp.domain.payments import verification as checks
from webapp.extensions import settings


def verification() -> None:
    """Read every attempt that is due, and settle each; tell buyers whose checkout does not come."""
    with noted("verification") as work:
        starts.time_out()
        # The next sweep comes soon, and until then this process does nothing else.
        seconds = min(settings.drain_for_s, settings.verification_every_s)
        summary = checks.run_due(Budget.of(seconds=seconds), lingers=True)
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


def refunds() -> None:
    """Send money back that a person wants sent back, and notice what went back without us."""
    with noted("refunds") as work:
        # Buyers wait for this process too, and what is left waits for the next round.
        seconds = min(settings.drain_for_s, settings.verification_every_s)
        summary = refund_rounds.run_due(Budget.of(seconds=seconds))
        looks = reversal_rounds.run_due(Budget.of(seconds=seconds))
        work.processed = summary.steps + looks
        work.detail = {"steps": summary.steps, "ended": summary.ended, "looks": looks}


def session_cleanup() -> None:
    """End sittings that are over."""
    with noted("session_cleanup") as work:
        work.processed = sessions.expire_due()


def tokens() -> None:
    """Renew access tokens that end soon, and end accounts that nothing is read with any more."""
    with noted("tokens") as work:
        summary = consented.renew_due(Budget.of(seconds=settings.drain_for_s))
        disconnected = account_changes.end_disconnected()
        work.processed = summary.renewed + disconnected
        work.errors = summary.failed + summary.lost
        work.detail = asdict(summary) | {"disconnected": disconnected}
