"""Fifty settle one payment in the same moment, by every way in that there is."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import ColumnElement, select

from tasks import payments as jobs
from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.side_by_side import side_by_side
from tests.domain.test_notices import Sender, written
from tests.factories import Row, everything, fresh
from webapp.cli.payments import group as flask_payments
from webapp.core.states import AttemptState, CaptureState, EmailState, LinkState, SessionState
from webapp.domain import transaction as transactions
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, audit, notices, settlement, verification
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import db
from webapp.models import Capture, EmailMessage, JobRun, PaymentAttempt, Ticket
from webapp.providers.base import Observation

# A thousand reads and settlements: a busy machine takes its time.
pytestmark = pytest.mark.timeout(600)

ROUNDS = 20
AT_ONCE = 50
PATIENCE_S = 120


class Door:
    """Stands before the settlement: lets fifty in at once when all have come, and counts.

    Until then they come one by one, and every lease runs out at once: a lease that holds would keep
    the others away.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, configure: Configure) -> None:
        self._settle = settlement.apply
        self._configure = configure
        self._everybody = threading.Barrier(AT_ONCE, lambda: self._lease_for(60))
        self._coming = threading.Lock()
        self._counting = threading.Lock()
        self._visitors = threading.local()
        self.outcomes: Counter[str] = Counter()
        monkeypatch.setattr(settlement, "apply", self._let_in)

    def shut(self) -> None:
        """Begin a round."""
        self.outcomes.clear()
        self._lease_for(0.001)

    def reach(self, way: Callable[[], object]) -> None:
        """Go this way until it has led to the door; where a lease still holds it leads away."""
        self._visitors.has_come = False
        self._coming.acquire()
        try:
            while not self._visitors.has_come:
                way()
        finally:
            if not self._visitors.has_come:
                self._coming.release()

    def _let_in(self, reference: str, observation: Observation, *, actor: str) -> Outcome:
        if not self._visitors.has_come:
            self._visitors.has_come = True
            self._coming.release()
            self._everybody.wait(PATIENCE_S)
        try:
            outcome = self._settle(reference, observation, actor=actor)
        except Exception as error:
            self._count(type(error).__name__)
            raise
        self._count(outcome)
        return outcome

    def _lease_for(self, seconds: float) -> None:
        self._configure(check_lease_s=seconds)

    def _count(self, what: str) -> None:
        with self._counting:
            self.outcomes[what] += 1


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, configure: Configure) -> Door:
    return Door(monkeypatch, configure)


def settle_by_all_ways(app: Flask, at_bank: AtBank, door: Door) -> PaymentAttempt:
    """Pay, and let a notice, the buyer's page, the sweep and a command find out at once."""
    attempt = at_bank.start()
    at_bank.press(attempt, "lose")  # the bank's own notice
    name, link_id = attempt.reference, attempt.link_id
    told = written(name, attempt.checkout_id or "")
    token = attempt.provider_account.hook_token
    signed = Sender(attempt.provider_account).headers(told)

    def notice() -> None:
        notices.receive("sandbox", token, signed, told)
        jobs.verification()  # what it kicks

    def page() -> None:
        attempts.note_return(link_id)
        jobs.check(name)  # what it asks for

    def sweep() -> None:
        verification.run_due(Budget.of(seconds=PATIENCE_S, rows=1))

    def command() -> None:
        flask_payments.main(["verify", "--reference", name], standalone_mode=False)

    ways = (notice, page, sweep, command)
    db.session.rollback()
    door.shut()
    side_by_side(app, [partial(door.reach, ways[n % len(ways)]) for n in range(AT_ONCE)])
    return attempt


def check_once(attempt: PaymentAttempt, outcomes: Counter[str]) -> None:
    """Hold that the payment was settled, once, and that nobody stumbled."""
    assert outcomes.total() >= AT_ONCE
    assert not not_once(outcomes), outcomes
    link = fresh(attempt.link)
    assert (link.state, link.may_hold_money) == (LinkState.PAID, False)
    assert (fresh(attempt).state, fresh(attempt.session).state) == (
        AttemptState.SUCCEEDED,
        SessionState.COMPLETED,
    )
    (capture,) = of_link(Capture, Capture.link_id == link.id)
    assert capture.state is CaptureState.FULFILS
    serials = [ticket.serial for ticket in of_link(Ticket, Ticket.link_id == link.id)]
    assert serials == [f"{link.reference}-1", f"{link.reference}-2"]
    (message,) = of_link(EmailMessage, EmailMessage.link_id == link.id)
    assert message.state is EmailState.QUEUED


def not_once(outcomes: Counter[str]) -> bool:
    """Say whether it was settled twice, or never, or somebody stumbled."""
    return outcomes[Outcome.PAID] != 1 or set(outcomes) != {Outcome.PAID, Outcome.NOTHING_NEW}


def of_link(model: type[Row], where: ColumnElement[bool]) -> list[Row]:
    return list(db.session.scalars(select(model).where(where).order_by(model.__table__.c.id)))


@pytest.mark.parametrize("rounds", [5, pytest.param(ROUNDS, marks=pytest.mark.drill)])
def test_fifty_settlements_of_one_payment_from_everywhere_make_it_paid_once(
    app: Flask, at_bank: AtBank, door: Door, rounds: int
) -> None:
    for _ in range(rounds):
        check_once(settle_by_all_ways(app, at_bank, door), door.outcomes)
    assert audit.run().is_clean
    assert all(run.is_success for run in everything(JobRun))


def test_without_the_lock_of_the_link_the_same_fifty_do_not_pass(
    app: Flask, at_bank: AtBank, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(model: type[Row], *where: ColumnElement[bool]) -> Row:
        """Do all that `lock` does, but lock."""
        query = select(model).where(*where).execution_options(populate_existing=True)
        row = db.session.scalars(query).one()
        db.session().info[transactions._LOCKED_LINKS].add(row.id)  # type: ignore[attr-defined]
        return row

    monkeypatch.setattr(attempts, "lock", look)
    for _ in range(ROUNDS):
        settle_by_all_ways(app, at_bank, door)
        assert door.outcomes.total() >= AT_ONCE  # they were there, and did settle
        if not_once(door.outcomes):
            return
    pytest.fail("the lock guards nothing, or these fifty were never at once")
