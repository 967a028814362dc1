"""Every word of a provider in every situation: no money is lost, and twice is once."""

import pytest

from tests.domain.situations import SITUATIONS, WORDS, snapshot
from tests.factories import Factories, everything, fresh
from webapp.core.states import AttemptState, CaptureState, LinkState, SessionState
from webapp.domain.payments import audit, settlement
from webapp.domain.payments.settlement import Outcome
from webapp.models import Capture, PaymentAttempt
from webapp.providers.base import Observation

STAYS = {LinkState.PAID, LinkState.REFUNDED}
REPEATED = {Outcome.NOTHING_NEW, Outcome.DECLINED, Outcome.REVERSED}


def hear_twice(attempt: PaymentAttempt, said: Observation) -> tuple[Outcome, Outcome]:
    """Apply what was said twice; the second time changes no row of any table."""
    first = settlement.apply(attempt.reference, said, actor="test")
    once = snapshot()
    second = settlement.apply(attempt.reference, said, actor="test")
    assert snapshot() == once
    return first, second


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_providers_word_loses_no_money_and_does_nothing_twice(
    make: Factories, situation: str
) -> None:
    for word, say in WORDS.items():
        attempt = SITUATIONS[situation](make)
        said = say(attempt)
        before, version = fresh(attempt.link).state, attempt.link.version

        first, second = hear_twice(attempt, said)

        link = fresh(attempt.link)
        assert second in REPEATED, word
        assert (link.version == version) == (first is Outcome.NOTHING_NEW), word
        assert link.state is before or before not in STAYS, word
        if said.payments:
            written = {capture.payment_reference for capture in everything(Capture)}
            assert {payment.reference for payment in said.payments} <= written, word
            assert fresh(attempt).state is AttemptState.SUCCEEDED, word
            assert fresh(attempt.session).state is SessionState.COMPLETED, word
        else:
            assert link.state is before, word
    assert audit.run().findings == []


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_right_money_ends_as_tickets_or_waits_for_a_person(
    make: Factories, situation: str
) -> None:
    attempt = SITUATIONS[situation](make)
    before = fresh(attempt.link).state
    outcome = settlement.apply(attempt.reference, WORDS["paid"](attempt), actor="test")

    after = fresh(attempt.link).state
    if situation in {"paid", "refunded"}:
        assert (outcome, after) == (Outcome.NOTHING_NEW, before)
    elif before is LinkState.PAID:
        assert (outcome, after) == (Outcome.SURPLUS, before)
    elif before is LinkState.REVIEW:
        assert (outcome, after) == (Outcome.HELD, before)
    else:
        assert (outcome, after) == (Outcome.PAID, LinkState.PAID)
    fulfilling = [one for one in everything(Capture) if one.state is CaptureState.FULFILS]
    assert len(fulfilling) == (after is LinkState.PAID)


def test_the_situations_are_all_that_money_can_come_to(make: Factories) -> None:
    met = {fresh(prepare(make).link).state for prepare in SITUATIONS.values()}
    assert met == set(LinkState) - {LinkState.DRAFT}
