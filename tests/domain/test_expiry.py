from datetime import timedelta

import psycopg
import pytest

from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, expiry, links, settlement, trails
from webapp.models import AttentionItem, PaymentAttempt, PaymentEvent, PaymentLink
from webapp.providers.base import ProviderState

PAST = timedelta(seconds=1)


def run(rows: int = 1_000_000) -> expiry.Summary:
    return expiry.run_due(Budget.of(seconds=30, rows=rows))


def states() -> list[LinkState]:
    return [link.state for link in everything(PaymentLink)]


def test_an_overdue_link_that_holds_no_money_expires(make: Factories) -> None:
    link = make.link(event=make.event(capacity=2))
    make.overdue(link)
    assert run().expired == 1
    assert (fresh(link).state, link.seats_held) == (LinkState.EXPIRED, 0)
    assert link.ended_at is not None
    event = trails.of_link(link)[-1]
    assert (event.name, event.actor) == ("link_expired", "sweep:expiry")
    assert audit.run().is_clean


def test_a_link_that_is_not_overdue_stays_open(make: Factories) -> None:
    link = make.link()
    assert run() == expiry.Summary()
    assert fresh(link).state is LinkState.OPEN


def test_a_draft_never_expires(make: Factories) -> None:
    draft = make.draft()
    make.overdue(draft)
    assert run() == expiry.Summary()
    assert fresh(draft).state is LinkState.DRAFT


def test_a_link_whose_payment_came_to_nothing_expires_at_once(make: Factories) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, observed(attempt, ProviderState.FAILED), actor="test")
    make.overdue(attempt.link)
    assert run().expired == 1
    assert audit.run().is_clean


def test_a_link_that_may_hold_money_is_marked_and_does_not_expire(make: Factories) -> None:
    attempt = make.pending()
    make.overdue(attempt.link)
    # Nobody answers at this bank, so the closing that follows cannot end.
    summary = run()
    assert (summary.expired, summary.marked, summary.closing_steps) == (0, 1, 1)
    assert (fresh(attempt.link).state, attempt.link.closing_for) == (LinkState.OPEN, "expiry")
    assert "closing_begun" in [event.name for event in trails.of_link(attempt.link)]
    assert run().marked == 0


def test_a_link_that_is_being_canceled_is_not_expired_past_it(make: Factories) -> None:
    attempt = make.pending()
    links.cancel(make.shop, attempt.link.code, actor="test")
    make.overdue(attempt.link)
    summary = run()
    assert (summary.expired, summary.marked) == (0, 0)
    assert fresh(attempt.link).closing_for == "cancel"


@pytest.mark.parametrize("count", [500, 1_200])
def test_more_links_than_one_batch_expire_in_one_run(make: Factories, count: int) -> None:
    make.open_links(count, expires_at=clock.now() - PAST)
    assert run().expired == count
    assert set(states()) == {LinkState.EXPIRED}
    assert len(everything(PaymentEvent)) == count
    assert audit.run().is_clean


def test_more_links_than_are_marked_under_one_commit_are_marked_in_one_run(
    make: Factories,
) -> None:
    due = clock.now() - PAST
    make.open_links(120, expires_at=due, may_hold_money=True)
    assert run().marked == 120
    assert {link.closing_for for link in everything(PaymentLink)} == {"expiry"}


def test_a_run_takes_no_more_than_its_budget(make: Factories) -> None:
    make.open_links(5, expires_at=clock.now() - PAST)
    assert [run(rows=2).expired for _ in range(3)] == [2, 2, 1]
    make.open_links(5, expires_at=clock.now() - PAST, may_hold_money=True)
    assert [run(rows=2).marked for _ in range(4)] == [2, 2, 1, 0]
    make.open_links(1, expires_at=clock.now() - PAST)
    assert expiry.run_due(Budget.of(seconds=0)) == expiry.Summary()


@pytest.mark.parametrize("may_hold_money", [False, True])
def test_a_link_that_somebody_holds_keeps_nobody_waiting(
    make: Factories, other: psycopg.Connection, *, may_hold_money: bool
) -> None:
    held, _ = make.open_links(2, expires_at=clock.now() - PAST, may_hold_money=may_hold_money)
    with other.transaction():
        other.execute("SELECT 1 FROM payment_link WHERE id = %s FOR UPDATE", [held])
        summary = run()
        assert summary.expired + summary.marked == 1
    summary = run()
    assert summary.expired + summary.marked == 1


@pytest.mark.parametrize("state", [LinkState.PAID, LinkState.REVIEW])
def test_an_attempt_that_was_never_readable_ends_with_a_question_on_a_link_that_has_its_money(
    make: Factories, state: LinkState
) -> None:
    link = make.link()
    first = make.pending(link)
    settlement.apply(first.reference, observed(first, ProviderState.FAILED), actor="test")
    second = make.pending(link)
    money = link.money if state is LinkState.PAID else Money(1, "EUR")
    settlement.apply(first.reference, paid(first, money=money), actor="test")
    assert run().given_up == 0
    make.change(second, watch_until=clock.now() - PAST)
    assert run().given_up == 1
    assert (fresh(second).state, fresh(link).state) == (AttemptState.EXPIRED, state)
    assert not link.may_hold_money
    asked = [(item.kind, item.subject) for item in everything(AttentionItem)]
    assert ("unverified", link.reference) in asked
    assert run().given_up == 0
    assert audit.run().is_clean


def test_a_link_that_has_to_wait_for_another_attempt_holds_up_no_other_links_end(
    make: Factories,
) -> None:
    waiting, over = make.link(), make.link()
    for link in (waiting, over):
        first, second, third = (begun_anew(make, link) for _ in range(3))
        settlement.apply(first.reference, paid(first), actor="test")
        make.change(second, watch_until=clock.now() - PAST, state=AttemptState.PENDING)
        if link is over:
            make.change(third, watch_until=clock.now() - PAST)
    assert expiry._give_up_unwatched(limit=1) == 1
    assert (fresh(waiting).may_hold_money, fresh(over).may_hold_money) == (True, False)


def begun_anew(make: Factories, link: PaymentLink) -> PaymentAttempt:
    """Begin an attempt; those before it have failed."""
    for attempt in everything(PaymentAttempt):
        if attempt.link_id == link.id and attempt.state is AttemptState.PENDING:
            settlement.apply(
                attempt.reference, observed(attempt, ProviderState.FAILED), actor="test"
            )
    return make.pending(link)
