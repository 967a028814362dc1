"""Random histories of one link: whatever comes, in whatever order, no money is lost."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.domain.at_bank import AtBank
from tests.domain.situations import WORDS
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.errors import LinkNotPayableError, NoRoomError, PaymentInFlightError
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    audit,
    creations,
    expiry,
    links,
    reviews,
    sessions,
    settlement,
)
from webapp.models import Capture, PaymentAttempt
from webapp.providers.base import Created, Creation, Refused, Unanswered

HOUR = timedelta(hours=1)

ANSWERS: dict[str, Callable[[PaymentAttempt], Creation]] = {
    "made": lambda one: Created(f"chk-{one.id}", "https://bank.example/1"),
    "made twice": lambda one: Created(f"chk-{one.id}-2", "https://bank.example/2"),
    "refused": lambda _: Refused("no"),
    "unanswered": lambda _: Unanswered("no answer"),
}

WHICH = strategies.integers(0, 2)
WORD = strategies.sampled_from(sorted(WORDS))
ANSWER = strategies.sampled_from(sorted(ANSWERS))


class History(RuleBasedStateMachine):
    """One link with room for one, its buyers, merchant and provider, and the sweeps."""

    make: Factories

    def __init__(self) -> None:
        super().__init__()
        self.event = self.make.event(capacity=2)
        self.link = self.make.link(event=self.event)
        self.begun = [self.make.created(self.link)]
        self.told: set[str] = set()
        self.was_paid = False
        self.audited = 0

    def one(self, which: int) -> PaymentAttempt:
        """Return one of the newest attempts."""
        return fresh(self.begun[-1 - which % len(self.begun)])

    @rule()
    def a_buyer_presses_pay(self) -> None:
        with suppress(LinkNotPayableError, PaymentInFlightError):
            self.begun.append(self.make.created(self.link))

    @rule(which=WHICH, answer=ANSWER)
    def the_provider_answers(self, which: int, answer: str) -> None:
        attempt = self.one(which)
        creations.record(attempt.reference, ANSWERS[answer](attempt), actor="test")

    @rule(which=WHICH, word=WORD)
    def the_provider_is_read(self, which: int, word: str) -> None:
        attempt = self.one(which)
        said = WORDS[word](attempt)
        settlement.apply(attempt.reference, said, actor="test")
        version = fresh(self.link).version
        settlement.apply(attempt.reference, said, actor="test")
        assert fresh(self.link).version == version
        self.told |= {payment.reference for payment in said.payments}

    @rule(which=WHICH)
    def the_provider_never_heard_of_it(self, which: int) -> None:
        attempt = self.one(which)
        self.make.change(attempt, created_at=clock.now() - HOUR)
        creations.note_missing(attempt.reference, actor="test")

    @rule(which=WHICH)
    def nobody_watches_any_more(self, which: int) -> None:
        attempt = self.one(which)
        self.make.change(attempt, watch_until=clock.now() - HOUR)

    @rule()
    def the_time_runs_out(self) -> None:
        self.make.overdue(self.link, by=HOUR)

    @rule()
    def the_sweeps_run(self) -> None:
        if fresh(self.link).closing_for is not None:
            self.make.change(self.link, closing_due_at=clock.now() - HOUR)
        expiry.run_due(Budget.of(seconds=60))

    @rule()
    def the_buyer_goes_away(self) -> None:
        attempt = self.one(0)
        self.make.change(attempt.session, expires_at=clock.now() - HOUR)
        sessions.expire_due()

    @rule()
    def the_merchant_cancels(self) -> None:
        with suppress(LinkNotPayableError):
            links.cancel(self.make.shop, self.link.code, actor="test")

    @rule()
    def the_merchant_accepts(self) -> None:
        with suppress(LinkNotPayableError, NoRoomError):
            reviews.accept(self.make.shop, self.link.code, actor="test")

    @rule()
    def the_merchant_dismisses(self) -> None:
        with suppress(LinkNotPayableError, PaymentInFlightError):
            reviews.dismiss(self.make.shop, self.link.code, reason="no", actor="test")

    @rule()
    def somebody_else_wants_the_places(self) -> None:
        with suppress(NoRoomError):
            self.make.link(event=self.event)

    @rule()
    def the_merchant_changes_the_wish(self) -> None:
        shop = fresh(self.make.shop)
        self.make.change(shop, accepts_late_payments=not shop.accepts_late_payments)

    @invariant()
    def no_money_is_lost(self) -> None:
        version = fresh(self.link).version
        if version == self.audited:
            return  # nothing happened that anybody could see
        self.audited = version
        assert audit.run().findings == []
        assert self.told <= {capture.payment_reference for capture in everything(Capture)}

    @invariant()
    def what_is_paid_stays_paid(self) -> None:
        state = fresh(self.link).state
        assert state is LinkState.PAID or not self.was_paid
        self.was_paid = state is LinkState.PAID


def test_whatever_happens_to_a_link_no_money_is_lost(at_bank: AtBank, make: Factories) -> None:
    class HistoryOfTheShop(History):
        pass

    HistoryOfTheShop.make = make
    run_state_machine_as_test(
        HistoryOfTheShop,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert everything(Capture)
