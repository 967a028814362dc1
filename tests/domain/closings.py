"""Steps of closing, taken when a test wants them."""

from datetime import timedelta

from tests.factories import Factories, fresh
from webapp.core import clock
from webapp.domain.budget import Budget
from webapp.domain.payments import closing_rounds, expiry, links
from webapp.domain.transaction import database_now
from webapp.models import PaymentAttempt, PaymentLink

LONG_AGO = timedelta(hours=1)


def cancel(make: Factories, attempt: PaymentAttempt) -> PaymentLink:
    """Mark the attempt's link as the merchant's Cancel does."""
    return links.cancel(make.shop, attempt.link.code, actor="test")


def overdue(make: Factories, attempt: PaymentAttempt) -> PaymentLink:
    """Let the link's end pass, and the sweep mark it."""
    make.overdue(attempt.link)
    assert expiry._mark_overdue(limit=1) == 1
    return fresh(attempt.link)


def pauses_for(make: Factories, link: PaymentLink, seconds: float) -> bool:
    """Take one step with the link and say whether the next one is due so long afterwards."""
    before = database_now()
    step(make, link)
    after, due = database_now(), fresh(link).closing_due_at
    pause = timedelta(seconds=seconds)
    return due is not None and before + pause <= due <= after + pause


def step(make: Factories, link: PaymentLink) -> int:
    """Take one step with the link now, however long it was put off; return with how many."""
    if fresh(link).closing_for is not None:
        make.change(link, closing_due_at=clock.now() - LONG_AGO)
    return closing_rounds.run_due(Budget.of(seconds=30, rows=1))
