"""Jobs about mail."""

from webapp.domain.budget import Budget
from webapp.domain.desk.job_runs import noted
from webapp.domain.tickets import delivery
from webapp.extensions import settings


def ticket_email() -> None:
    """Print and send the tickets that were promised."""
    with noted("ticket_email") as work:
        work.processed = delivery.send_due(Budget.of(seconds=settings.drain_for_s))
