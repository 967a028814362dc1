"""Money that was taken at a bank or at a fake, and sent back there."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from tests.domain.at_bank import AtBank, verify
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import AttentionState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, refund_rounds, refunds
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Alert, AttentionItem, Capture, PaymentLink, Refund
from webapp.providers.refunds import FoundRefunds, SeenRefund

# Every wish that was sent to a provider: its key and how much.
Asked = list[tuple[str, int]]


def taken(at_bank: AtBank, link: PaymentLink | None = None, **order: Any) -> Capture:
    """Have a link paid at the bank; return the money."""
    attempt = at_bank.start(link, **order)
    at_bank.press(attempt, "lose")
    verify(attempt)
    return everything(Capture)[-1]


def ask(make: Factories, capture: Capture, minor: int | None = None) -> Refund:
    """Ask for all that is left of some money, or for so many minor units of it."""
    return refunds.request(
        make.shop,
        capture.link.code,
        reason="the buyer is ill",
        actor="cli",
        amount=None if minor is None else Money(minor, capture.currency),
        payment=capture.payment_reference,
    )


def run() -> int:
    """Take a round with what is due; return how many steps were taken."""
    return refund_rounds.run_due(Budget.of(seconds=20)).steps


def due() -> None:
    """Let the next step of every refund that has not ended be due, by its lease too."""
    past = clock.now() - timedelta(seconds=1)
    with transaction():
        db.session.execute(
            update(Refund).where(Refund.next_step_at.is_not(None)).values(next_step_at=past)
        )
        db.session.execute(
            update(Refund).where(Refund.lease_until.is_not(None)).values(lease_until=past)
        )


def age(refund: Refund, **span: float) -> None:
    """Let it be so long ago that the refund was sent."""
    with transaction():
        long_ago = clock.now() - timedelta(**span)
        db.session.execute(update(Refund).where(Refund.id == refund.id).values(asked_at=long_ago))


def books(capture: Capture) -> tuple[SeenRefund, ...]:
    """Return what the provider's own books say went back of some money, past all rules."""
    connection = accounts.connection(capture.attempt.provider_account)
    read = connection.read_refunds(capture.payment_reference, timeout_s=20)
    assert isinstance(read, FoundRefunds), read
    return read.refunds


def went_back(capture: Capture) -> list[int]:
    """Return the amounts in the provider's books, in minor units."""
    return [seen.money.minor for seen in books(capture)]


def states() -> list[str]:
    """Return the states of all refunds, the oldest first."""
    return [refund.state.value for refund in everything(Refund)]


def open_items() -> list[str]:
    """Return the kinds of what waits for a person."""
    items = everything(AttentionItem)
    return [item.kind for item in items if item.state is AttentionState.OPEN]


def open_alerts() -> list[str]:
    """Return the kinds of the alerts that are open."""
    return [alert.kind for alert in everything(Alert) if alert.ended_at is None]


def state_of(capture: Capture) -> tuple[str, str]:
    """Return how some money and its link stand."""
    return fresh(capture).state.value, fresh(capture.link).state.value
