"""Refunds that were made by hand at a provider that sends nothing back for us."""

from dataclasses import replace
from functools import partial

import pytest
from flask import Flask

from tests.domain.attending import be_in_review, be_paid, be_paid_twice, be_reversed
from tests.domain.refunding import open_items, run, state_of
from tests.domain.side_by_side import raised, side_by_side
from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, observed
from webapp.core import references
from webapp.core.errors import InvalidInputError, NotFoundError, NotRefundableError
from webapp.core.money import Money
from webapp.core.states import AttentionState, RefundState, TicketState
from webapp.domain.payments import accounts, audit, refunds, settlement, trails
from webapp.extensions import db
from webapp.models import AttentionItem, Capture, PaymentAttempt, Refund, Ticket
from webapp.providers.base import Payment, ProviderState


def at_billing(make: Factories) -> None:
    """Let the shop's money be at a provider that sends nothing back for us."""
    make.change(accounts.active(make.shop), provider="billing")


def note(
    make: Factories, attempt: PaymentAttempt, minor: int | None = None, **named: str
) -> Refund:
    """Note that the newest payment was sent back, all that is left or so many minor units."""
    capture = everything(Capture)[-1]
    return refunds.note(
        make.shop,
        attempt.link.code,
        reason="the buyer is ill",
        actor="user:1",
        amount=None if minor is None else Money(minor, capture.currency),
        **{"payment": capture.payment_reference} | named,
    )


def test_all_of_it_was_sent_back_there_and_the_order_is_refunded(make: Factories) -> None:
    attempt = be_paid(make)
    at_billing(make)
    refund = note(make, attempt)
    assert (refund.state, refund.money) == (RefundState.DONE, Money(2500, "EUR"))
    assert (refund.reason, refund.requested_by) == ("by hand: the buyer is ill", "user:1")
    assert refund.ended_at is not None
    assert refund.next_step_at is None
    assert state_of(refund.capture) == ("RETURNED", "REFUNDED")
    told = trails.of_link(attempt.link)[-4:]
    assert [event.name for event in told] == [
        "refund_noted",
        "refund_done",
        "capture_returned",
        "payment_refunded",
    ]
    assert {event.actor for event in told} == {"user:1"}
    assert told[0].detail == {"amount": "€25.00", "reason": "the buyer is ill"}
    assert {ticket.state for ticket in everything(Ticket)} == {TicketState.ISSUED}
    assert run() == 0, "no worker has anything to do with it"
    assert audit.run().is_clean


def test_parts_leave_the_order_paid_until_all_is_noted(make: Factories) -> None:
    attempt = be_paid(make)
    at_billing(make)
    refund = note(make, attempt, 500)
    assert state_of(refund.capture) == ("FULFILS", "PAID")
    assert audit.run().is_clean
    assert note(make, attempt).money == Money(2000, "EUR")
    assert state_of(refund.capture) == ("RETURNED", "REFUNDED")
    assert audit.run().is_clean
    with pytest.raises(NotRefundableError, match="all of this payment was sent back already"):
        note(make, attempt, 1)


def test_what_came_twice_was_sent_back_and_nobody_is_asked_any_more(make: Factories) -> None:
    attempt = be_paid_twice(make)
    at_billing(make)
    refund = note(make, attempt)
    assert (state_of(refund.capture), open_items()) == (("RETURNED", "PAID"), [])
    assert audit.run().is_clean


def test_what_was_held_was_sent_back_and_the_review_is_over(make: Factories) -> None:
    attempt = be_in_review(make)
    at_billing(make)
    refund = note(make, attempt)
    assert (state_of(refund.capture), open_items()) == (("RETURNED", "REFUNDED"), [])
    assert fresh(attempt.link).seats_held == 0
    assert audit.run().is_clean


def test_what_the_provider_told_of_before_is_answered_by_the_note(make: Factories) -> None:
    attempt = be_reversed(make)
    at_billing(make)
    note(make, attempt, 500)
    assert open_items() == ["reversed"], "the rest of it is not explained"
    note(make, attempt)
    (item,) = everything(AttentionItem)
    assert (item.state, item.ended_by) == (AttentionState.ENDED, "user:1")


def test_a_note_about_one_payment_answers_nothing_about_another(make: Factories) -> None:
    attempt = be_reversed(make)
    said = observed(attempt, ProviderState.PAID, Payment("second", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    at_billing(make)
    note(make, attempt)
    assert open_items() == ["reversed"]


def test_what_the_provider_tells_of_later_is_explained_by_the_note(make: Factories) -> None:
    attempt = be_paid(make)
    at_billing(make)
    (payment,) = [one.payment_reference for one in everything(Capture)]
    note(make, attempt, 500)
    said = observed(attempt, ProviderState.REVERSED, Payment(payment, attempt.money, None))
    known = replace(said, went_back=Money(500, "EUR"))
    settlement.apply(attempt.reference, known, actor="test")
    assert open_items() == []
    more = replace(said, went_back=Money(501, "EUR"))
    settlement.apply(attempt.reference, more, actor="test")
    assert open_items() == ["reversed"]


def test_the_same_form_twice_notes_it_once(make: Factories) -> None:
    attempt = be_paid(make)
    at_billing(make)
    form = references.refund_reference()
    first = note(make, attempt, 500, reference=form)
    before = snapshot()
    assert note(make, attempt, 500, reference=form).id == first.id
    with pytest.raises(NotRefundableError, match=r"has asked for €5\.00 already"):
        note(make, attempt, 600, reference=form)
    assert snapshot() == before


def test_of_twenty_who_note_all_of_it_at_once_one_is_heard(make: Factories, rows: Flask) -> None:
    attempt = be_paid(make)
    at_billing(make)
    code, shop = attempt.link.code, fresh(make.shop)
    db.session.expunge(shop)
    act = partial(refunds.note, shop, code, reason="no", actor="cli")
    outcomes = side_by_side(rows, [partial(raised, act)] * 20)
    assert sorted(map(str, outcomes)) == [str(NotRefundableError)] * 19 + ["None"]
    assert [refund.amount_minor for refund in everything(Refund)] == [2500]
    assert audit.run().is_clean


def test_where_the_provider_sends_money_back_for_us_nothing_is_noted(make: Factories) -> None:
    attempt = be_paid(make)
    before = snapshot()
    with pytest.raises(NotRefundableError, match="ask for a refund instead"):
        note(make, attempt)
    assert snapshot() == before


@pytest.mark.parametrize("money", [Money(0, "EUR"), Money(2501, "EUR"), Money(2500, "USD")])
def test_an_amount_that_was_not_taken_is_refused(make: Factories, money: Money) -> None:
    attempt = be_paid(make)
    at_billing(make)
    before = snapshot()
    for amount, reason, field in ((money, "no", "amount"), (None, " ", "reason")):
        with pytest.raises(InvalidInputError) as refused:
            refunds.note(make.shop, attempt.link.code, reason=reason, actor="cli", amount=amount)
        assert refused.value.field == field
    with pytest.raises(InvalidInputError):
        note(make, attempt, reference="ref-1")
    assert snapshot() == before


def test_another_merchants_money_is_not_there(make: Factories) -> None:
    theirs, shop = be_paid(Factories()), make.shop
    make.change(theirs.provider_account, provider="billing")
    before = snapshot()
    with pytest.raises(NotFoundError):
        refunds.note(shop, theirs.link.code, reason="no", actor="cli")
    assert snapshot() == before
