"""Money that went back at the provider without us: noticed within a day, told once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.at_fakes import at_fake
from tests.domain.refunding import ask, books, due, open_items, run, state_of, states, taken
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.states import AttentionState
from webapp.domain.budget import Budget
from webapp.domain.messages import attention
from webapp.domain.payments import audit, reversal_rounds, reversals
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import AttentionItem, Capture, PaymentLink
from webapp.providers.connection import Connection
from webapp.providers.refunds import FoundRefunds, RefundState

DAY_S = 86_400


def look_due() -> None:
    """Let the time have come to look after all money."""
    with transaction():
        past = clock.now() - timedelta(seconds=1)
        db.session.execute(update(Capture).values(next_look_at=past))


def look() -> int:
    """Look after all money now; return how many looks it were."""
    look_due()
    return reversal_rounds.run_due(Budget.of(seconds=20))


def in_days(capture: Capture) -> float:
    """Return in how many days some money is looked after."""
    at = fresh(capture).next_look_at
    assert at is not None
    return (at - clock.now()).total_seconds() / DAY_S


def end_by_hand(link: PaymentLink) -> None:
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        attention.end_items(locked, "reversed", actor="user:1", reason="seen")


def test_money_is_looked_after_a_day_after_it_came_and_daily_from_then_on(at_bank: AtBank) -> None:
    capture = taken(at_bank)
    assert in_days(capture) == pytest.approx(1, abs=0.01)
    assert reversal_rounds.run_due(Budget.of(seconds=20)) == 0
    assert look() == 1
    assert in_days(capture) == pytest.approx(1, abs=0.01)
    assert open_items() == []


def test_after_fourteen_days_nobody_looks_any_more(at_bank: AtBank, make: Factories) -> None:
    capture = taken(at_bank)
    make.change(capture, paid_at=clock.now() - timedelta(days=13.5))
    look()
    assert in_days(capture) == pytest.approx(0.5, abs=0.01), "once more at the very end"
    make.change(capture, paid_at=clock.now() - timedelta(days=14.1))
    look()
    assert fresh(capture).next_look_at is None


def test_what_went_back_at_the_bank_is_told_once(at_bank: AtBank) -> None:
    capture = taken(at_bank)
    at_bank.reverse(capture.attempt)
    for _ in range(2):
        look()
        assert open_items() == ["reversed"]
    (item,) = everything(AttentionItem)
    assert item.sentence == "€25.00 went back at the provider, and nobody asked for that here."
    assert state_of(capture) == ("FULFILS", "PAID"), "a person decides"
    assert audit.run().is_clean
    end_by_hand(capture.link)
    look()
    assert open_items() == [], "the same sight is not told again"


def test_our_own_refunds_are_no_news(at_bank: AtBank, make: Factories) -> None:
    capture = taken(at_bank)
    ask(make, capture, 500)
    run()
    look()
    assert open_items() == []
    at_bank.reverse(capture.attempt)
    look()
    (item,) = everything(AttentionItem)
    assert item.sentence.startswith("€20.00 went back")


def test_a_refund_that_counted_as_never_made_and_was_made_is_told(
    at_bank: AtBank, make: Factories
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    run()
    make.change(refund, state="FAILED")
    look()
    assert open_items() == ["reversed"]


def test_a_refund_that_was_done_and_did_not_arrive_is_told_once(
    at_bank: AtBank, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture, 500)
    run()
    assert (states(), open_items()) == (["DONE"], [])
    (done,) = books(capture)
    bounced = FoundRefunds((replace(done, state=RefundState.FAILED),))
    monkeypatch.setattr(Connection, "read_refunds", lambda *_, timeout_s: bounced)  # noqa: ARG005
    for _ in range(2):
        look()
        (item,) = everything(AttentionItem)
        assert (item.kind, item.subject) == ("refund_failed", refund.reference)
    assert audit.run().is_clean


@pytest.mark.parametrize("minor", [500, 2500])
def test_a_reversal_that_a_read_tells_of_is_weighed_against_our_own_refunds(
    make: Factories, configure: Configure, minor: int
) -> None:
    with at_fake("stripe", make, configure) as shop:
        capture = shop.taken()
        ask(make, capture, minor)
        run()
        assert states() == ["DONE"]
        verify(capture.attempt)
        look()
        assert open_items() == []


def test_a_refund_by_hand_at_stripe_is_told_once_by_the_read_and_the_look(
    make: Factories, configure: Configure
) -> None:
    with at_fake("stripe", make, configure) as shop:
        capture = shop.taken()
        checkout_id = capture.attempt.checkout_id
        shop.fake.send_back(checkout_id, amount=700)
        verify(capture.attempt)
        assert open_items() == ["reversed"]
        end_by_hand(capture.link)
        look()
        assert open_items() == []
        shop.fake.send_back(checkout_id, amount=300)
        look()
        assert open_items() == ["reversed"]
        (_, item) = everything(AttentionItem)
        assert item.sentence.startswith("€10.00 went back")


def test_a_chargeback_is_told_even_after_a_refund_of_ours(
    make: Factories, configure: Configure
) -> None:
    with at_fake("stripe", make, configure) as shop:
        capture = shop.taken()
        ask(make, capture, 500)
        run()
        shop.fake.dispute(capture.attempt.checkout_id)
        look()
        assert open_items() == ["reversed"]


def test_a_refund_by_hand_at_sumup_is_seen_by_the_look_alone(
    make: Factories, configure: Configure
) -> None:
    with at_fake("sumup", make, configure) as shop:
        capture = shop.taken()
        transaction_of = shop.fake._transaction(capture.payment_reference)
        transaction_of.note("REFUND", 5, "REFUNDED")
        verify(capture.attempt)
        assert open_items() == []
        look()
        assert open_items() == ["reversed"]


def test_a_look_that_sees_nothing_moves_only_its_own_clock(
    at_bank: AtBank, make: Factories
) -> None:
    capture = taken(at_bank)
    at_bank.script("down", seconds=600)
    look()
    assert in_days(capture) * 24 == pytest.approx(1, abs=0.1)
    assert fresh(capture).look_lease_token is None
    assert open_items() == []


def test_an_account_that_is_silent_keeps_no_other_account_waiting(
    at_bank: AtBank, make: Factories
) -> None:
    sick = [taken(at_bank) for _ in range(3)]
    at_bank.script("down", seconds=600)
    other = AtBank(Factories())
    well = taken(other)
    other.reverse(well.attempt)
    assert look() >= 2
    assert [item.link_id for item in everything(AttentionItem)] == [well.link_id]
    assert all(fresh(one).look_lease_token is None for one in sick)


def test_a_wish_to_look_soon_is_kept(at_bank: AtBank, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = taken(at_bank)
    with transaction():
        reversals.look_soon(capture.attempt_id)
    assert reversal_rounds.run_due(Budget.of(seconds=20)) == 1
    real = reversal_rounds._weigh
    seen: list[int] = []

    def weigh(look: reversal_rounds._Look, books: FoundRefunds) -> None:
        if not seen:  # a notice comes while we look
            with transaction():
                reversals.look_soon(capture.attempt_id)
        seen.append(look.capture_id)
        real(look, books)

    monkeypatch.setattr(reversal_rounds, "_weigh", weigh)
    look_due()
    reversal_rounds.run_due(Budget.of(seconds=20))
    reversal_rounds.run_due(Budget.of(seconds=20))
    assert len(seen) == 2


def test_who_died_while_looking_leaves_it_to_the_next(
    at_bank: AtBank, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = taken(at_bank)
    at_bank.reverse(capture.attempt)
    with monkeypatch.context() as dying:
        dying.setattr(reversal_rounds, "_conclude", lambda *_: None)
        look()
    assert fresh(capture).look_lease_token is not None
    assert reversal_rounds.run_due(Budget.of(seconds=20)) == 0
    past = clock.now() - timedelta(seconds=1)
    make.change(capture, look_lease_until=past, next_look_at=past)
    assert reversal_rounds.run_due(Budget.of(seconds=20)) == 1
    (item,) = everything(AttentionItem)
    assert (item.kind, item.state) == ("reversed", AttentionState.OPEN)


def test_a_refund_under_way_does_not_hide_what_else_went_back(
    at_bank: AtBank, make: Factories
) -> None:
    capture = taken(at_bank)
    at_bank.script("refund_lost", times=10)
    ask(make, capture, 500)
    run()
    at_bank.reverse(capture.attempt)
    look()
    (item, *_) = [one for one in everything(AttentionItem) if one.kind == "reversed"]
    assert item.sentence.startswith("€20.00 went back")
    due()
