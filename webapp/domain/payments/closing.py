"""The mark of closing: while a link carries it, no new attempt begins and a worker ends it."""

from datetime import timedelta
from typing import Final, Literal

from webapp import jobs
from webapp.domain.transaction import after_commit, database_now, require_locked
from webapp.domain.transitions import record
from webapp.models import PaymentLink

Reason = Literal["expiry", "cancel", "retry"]

EXPIRY: Final = "expiry"
CANCEL: Final = "cancel"
RETRY: Final = "retry"


def lets_finish(reason: str | None) -> bool:
    """Whether a payment on its way may still be finished: nobody has asked to have it closed.

    At the link's end whoever is paying just then is left in peace.
    """
    return reason in {None, EXPIRY}


def mark(link: PaymentLink, reason: Reason, *, actor: str) -> None:
    """Begin closing; a link that is being closed already keeps its reason.

    The caller holds the link's lock.
    """
    require_locked(link)
    if link.closing_for is not None:
        return
    link.closing_for = reason
    link.closing_since = link.closing_due_at = database_now()
    link.closing_failures = 0
    record(link, "closing_begun", actor=actor, reason=reason)


def ask(link: PaymentLink, reason: Reason, *, actor: str) -> None:
    """Begin closing, and ask a worker for it at once: somebody waits.

    The caller holds the link's lock.
    """
    mark(link, reason, actor=actor)
    after_commit(jobs.kick, jobs.JobName.EXPIRY)


def hurry(link: PaymentLink) -> None:
    """Come to a marked link now: what its closing has waited for is over. Under its lock."""
    require_locked(link)
    link.closing_due_at = database_now()
    after_commit(jobs.kick, jobs.JobName.EXPIRY)


def lift(link: PaymentLink) -> None:
    """Take the mark away, whatever it was for. The caller holds the link's lock."""
    require_locked(link)
    link.closing_for = link.closing_since = link.closing_due_at = None
    link.closing_lease_token = None
    link.closing_failures = 0


def postpone(link: PaymentLink, seconds: float) -> None:
    """Come back to this link later, and let nobody else have it before."""
    link.closing_due_at = database_now() + timedelta(seconds=seconds)
