"""Refunds that a person asks for: what is taken in, what is refused, and what comes of it."""

from functools import partial
from typing import Any

import pytest
from flask import Flask

from tests.domain.at_bank import AtBank, verify
from tests.domain.refunding import (
    ask,
    open_alerts,
    open_items,
    run,
    state_of,
    states,
    taken,
    went_back,
)
from tests.domain.side_by_side import raised, side_by_side
from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import references
from webapp.core.errors import InvalidInputError, NotFoundError, NotRefundableError
from webapp.core.money import Money
from webapp.core.states import RefundState
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    accounts,
    audit,
    refunds,
    reversal_rounds,
    reviews,
    settlement,
    trails,
)
from webapp.extensions import db, queue_redis
from webapp.jobs import JobName
from webapp.models import AttentionItem, Capture, Refund, Ticket
from webapp.providers.base import Payment, ProviderState


def paid_once(make: Factories, **order: Any) -> Capture:
    """Have a link paid without any bank."""
    attempt = make.pending(**order)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return everything(Capture)[-1]


def test_a_refund_is_written_down_told_and_left_to_a_worker(make: Factories) -> None:
    capture = paid_once(make)
    before = fresh(capture.link).version
    refund = ask(make, capture)
    assert (refund.state, refund.money) == (RefundState.REQUESTED, Money(2500, "EUR"))
    assert fresh(capture.link).version == before + 1
    told = trails.of_link(capture.link)[-1]
    assert (told.name, told.actor, told.subject) == ("refund_requested", "cli", refund.reference)
    assert told.detail == {"amount": "€25.00", "reason": "the buyer is ill"}
    assert queue_redis.exists(f"kick:{JobName.REFUNDS}")
    assert state_of(capture) == ("FULFILS", "PAID")
    assert audit.run().is_clean


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 201])
def test_no_money_goes_back_without_a_reason(make: Factories, reason: str) -> None:
    capture = paid_once(make)
    with pytest.raises(InvalidInputError) as refused:
        refunds.request(make.shop, capture.link.code, reason=reason, actor="cli")
    assert refused.value.field == "reason"
    assert everything(Refund) == []


@pytest.mark.parametrize(
    "amount", [Money(0, "EUR"), Money(2501, "EUR"), Money(2500, "USD"), Money(25, "JPY")]
)
def test_an_amount_that_was_not_taken_is_refused(make: Factories, amount: Money) -> None:
    capture = paid_once(make)
    with pytest.raises(InvalidInputError) as refused:
        refunds.request(make.shop, capture.link.code, reason="no", actor="cli", amount=amount)
    assert refused.value.field == "amount"
    assert everything(Refund) == []


def test_while_one_is_under_way_there_is_no_second(make: Factories) -> None:
    capture = paid_once(make)
    refund = ask(make, capture, 500)
    for state in (RefundState.REQUESTED, RefundState.ACCEPTED, RefundState.UNKNOWN):
        make.change(refund, state=state)
        with pytest.raises(NotRefundableError, match="under way: wait"):
            ask(make, capture, 500)
    make.change(refund, state=RefundState.DONE)
    assert ask(make, capture).money == Money(2000, "EUR")


def test_of_twenty_who_ask_at_once_one_is_heard(make: Factories, rows: Flask) -> None:
    capture = paid_once(make)
    code, shop = capture.link.code, fresh(make.shop)
    db.session.expunge(shop)
    request = partial(refunds.request, shop, code, reason="no", actor="cli")
    outcomes = side_by_side(rows, [partial(raised, request)] * 20)
    assert sorted(map(str, outcomes)) == [str(NotRefundableError)] * 19 + ["None"]
    assert [refund.amount_minor for refund in everything(Refund)] == [2500]


def test_the_same_form_twice_makes_one_refund_even_after_the_first_is_done(
    make: Factories,
) -> None:
    capture = paid_once(make)
    form = references.refund_reference()
    request = partial(
        refunds.request, make.shop, capture.link.code, reason="no", actor="cli", reference=form
    )
    part = Money(500, "EUR")
    first = request(amount=part)
    assert request(amount=part).id == first.id
    make.change(first, state=RefundState.DONE)
    before = snapshot()
    assert request(amount=part).id == first.id
    with pytest.raises(NotRefundableError, match=r"has asked for €5\.00 already"):
        request(amount=Money(600, "EUR"))
    assert snapshot() == before
    with pytest.raises(InvalidInputError):
        refunds.request(make.shop, capture.link.code, reason="no", actor="x", reference="ref-1")


def test_the_form_of_another_order_makes_nothing(make: Factories) -> None:
    refund = ask(make, paid_once(make), 500)
    other = paid_once(make)
    with pytest.raises(NotFoundError):
        refunds.request(
            make.shop, other.link.code, reason="no", actor="cli", reference=refund.reference
        )
    assert len(everything(Refund)) == 1


def test_another_merchants_money_is_not_there(make: Factories) -> None:
    theirs, ours = paid_once(Factories()), paid_once(make)
    before = snapshot()
    with pytest.raises(NotFoundError):
        refunds.request(make.shop, theirs.link.code, reason="no", actor="cli")
    with pytest.raises(NotFoundError):
        refunds.request(
            make.shop,
            ours.link.code,
            reason="no",
            actor="cli",
            payment=theirs.payment_reference,
        )
    assert snapshot() == before


def test_a_link_that_nobody_paid_has_nothing_to_send_back(make: Factories) -> None:
    with pytest.raises(NotRefundableError, match="nothing was taken"):
        refunds.request(make.shop, make.link().code, reason="no", actor="cli")


def test_where_there_are_several_payments_one_is_named(make: Factories) -> None:
    capture = paid_once(make)
    attempt = capture.attempt
    said = observed(attempt, ProviderState.PAID, Payment("second", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    with pytest.raises(NotRefundableError, match=f"say which: {capture.payment_reference}, second"):
        refunds.request(make.shop, capture.link.code, reason="no", actor="cli")
    refund = refunds.request(
        make.shop, capture.link.code, reason="no", actor="cli", payment="second"
    )
    assert refund.capture.payment_reference == "second"


def test_a_provider_that_sends_nothing_back_is_not_asked(make: Factories) -> None:
    capture = paid_once(make)
    make.change(accounts.active(make.shop), provider="billing")
    with pytest.raises(NotRefundableError, match="do it there, and note the reason"):
        ask(make, capture)
    assert everything(Refund) == []


def test_all_of_it_goes_back_and_the_order_is_refunded(at_bank: AtBank, make: Factories) -> None:
    capture = taken(at_bank)
    refund = ask(make, capture)
    assert run() == 2, "looked first, then sent"
    assert (states(), went_back(capture)) == (["DONE"], [2500])
    assert state_of(capture) == ("RETURNED", "REFUNDED")
    assert fresh(refund).provider_reference
    assert refund.ended_at is not None
    assert refund.next_step_at is None
    names = [event.name for event in trails.of_link(capture.link)]
    assert names[-4:] == ["refund_requested", "refund_done", "capture_returned", "payment_refunded"]
    assert {ticket.state for ticket in everything(Ticket)} == {"ISSUED"}, "a person voids them"
    assert (open_items(), open_alerts()) == ([], [])
    assert audit.run().is_clean
    with pytest.raises(NotRefundableError, match="sent back already"):
        ask(make, capture)
    assert run() == 0


def test_parts_leave_the_order_paid_until_all_is_back(at_bank: AtBank, make: Factories) -> None:
    capture = taken(at_bank)
    for minor in (500, 500):
        ask(make, capture, minor)
        run()
        assert state_of(capture) == ("FULFILS", "PAID")
        assert audit.run().is_clean
    ask(make, capture)
    run()
    assert went_back(capture) == [500, 500, 1500]
    assert len({refund.provider_reference for refund in everything(Refund)}) == 3
    assert state_of(capture) == ("RETURNED", "REFUNDED")
    assert audit.run().is_clean


def test_a_currency_without_decimals_goes_back_whole(at_bank: AtBank, make: Factories) -> None:
    capture = taken(at_bank, money=Money(2500, "JPY"))
    ask(make, capture, 1000)
    run()
    ask(make, capture)
    run()
    assert went_back(capture) == [1000, 1500]
    assert state_of(capture) == ("RETURNED", "REFUNDED")


def test_money_that_came_twice_is_sent_back_and_the_order_stays_paid(
    at_bank: AtBank, make: Factories
) -> None:
    link = make.link()
    first = at_bank.start(link)
    make.change(first, is_current=False)
    second = at_bank.start(link)
    for attempt in (first, second):
        at_bank.press(attempt, "lose")
        verify(attempt)
    surplus = everything(Capture)[-1]
    assert (state_of(surplus), open_items()) == (("SURPLUS", "PAID"), ["surplus"])
    ask(make, surplus)
    run()
    assert (state_of(surplus), open_items()) == (("RETURNED", "PAID"), [])
    assert audit.run().is_clean


def test_the_wrong_amount_is_sent_back_and_the_review_is_over(
    at_bank: AtBank, make: Factories
) -> None:
    event = make.event(capacity=2)
    attempt = at_bank.start(event=event)
    at_bank.press(attempt, "wrong")
    verify(attempt)
    capture = everything(Capture)[-1]
    assert (state_of(capture), open_items()) == (("HELD", "REVIEW"), ["mismatch"])
    ask(make, capture)
    with pytest.raises(NotRefundableError, match="on its way back"):
        reviews.accept(make.shop, capture.link.code, actor="cli")
    run()
    assert went_back(capture) == [2600]
    assert (state_of(capture), open_items()) == (("RETURNED", "REFUNDED"), [])
    assert fresh(capture.link).seats_held == 0
    assert "review_refunded" in [event.name for event in trails.of_link(capture.link)]
    assert audit.run().is_clean


def test_dismissed_money_can_still_be_sent_back(at_bank: AtBank, make: Factories) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "wrong")
    verify(attempt)
    capture = everything(Capture)[-1]
    reviews.dismiss(make.shop, capture.link.code, reason="not ours", actor="cli")
    ask(make, capture)
    run()
    assert state_of(capture) == ("RETURNED", "CANCELED")
    assert audit.run().is_clean


def test_the_order_is_not_over_while_other_money_of_it_waits_for_a_decision(
    make: Factories, at_bank: AtBank
) -> None:
    attempt = at_bank.start()
    at_bank.press(attempt, "wrong")
    (real,) = at_bank.read(attempt).payments
    said = observed(attempt, ProviderState.PAID, real, Payment("other", Money(1, "EUR"), None))
    settlement.apply(attempt.reference, said, actor="test")
    first, other = everything(Capture)
    ask(make, first)
    run()
    assert (state_of(first), state_of(other)) == (("RETURNED", "REVIEW"), ("HELD", "REVIEW"))
    assert open_items() == ["mismatch"]
    assert audit.run().is_clean


def test_a_refused_refund_is_a_question_and_can_be_asked_for_again(
    at_bank: AtBank, make: Factories
) -> None:
    capture = taken(at_bank)
    at_bank.script("refund_refused")
    refund = ask(make, capture)
    run()
    assert (states(), went_back(capture), open_items()) == (["FAILED"], [], ["refund_failed"])
    (item,) = everything(AttentionItem)
    assert item.sentence == (
        "€25.00 was not sent back: The bank sends nothing back. You can ask for it again."
    )
    assert state_of(capture) == ("FULFILS", "PAID")
    assert audit.run().is_clean
    again = ask(make, capture)
    assert open_items() == [], "whoever asks again has looked"
    run()
    assert (states(), went_back(capture)) == (["FAILED", "DONE"], [2500])
    assert again.reference != refund.reference
    assert audit.run().is_clean


def test_what_went_back_at_the_bank_already_is_not_sent_again(
    at_bank: AtBank, make: Factories
) -> None:
    capture = taken(at_bank)
    at_bank.reverse(capture.attempt)
    ask(make, capture, 500)
    run()
    assert (states(), went_back(capture)) == (["FAILED"], [2500])
    (item,) = everything(AttentionItem)
    assert "went back already" in item.sentence
    reversal_rounds.run_due(Budget.of(seconds=20))
    assert open_items() == ["refund_failed", "reversed"]
