"""What waits for a person is ended by one, for a reason, and no money is lost sight of by it."""

from dataclasses import replace
from functools import partial

import pytest
from flask import Flask

from tests.domain.attending import (
    ENDABLE,
    be_in_review,
    be_paid_twice,
    be_reversed,
    have_email_end,
    have_refund_fail,
    have_refund_unanswered,
    refund_of,
    settle_refund,
    waiting,
)
from tests.domain.refunding import open_alerts, open_items
from tests.domain.side_by_side import raised, side_by_side
from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core.errors import InvalidInputError, NotEndableError, NotFoundError
from webapp.core.states import AttentionState, CaptureState, EmailState, LinkState, RefundState
from webapp.domain.payments import audit, matters, reviews, settlement, trails
from webapp.extensions import db
from webapp.models import AttentionItem, Capture, PaymentAttempt
from webapp.providers.base import Payment, ProviderState


def end(make: Factories, attempt: PaymentAttempt, reason: str = "called the buyer") -> None:
    (item,) = waiting()
    matters.end(make.shop, attempt.link.code, item.id, reason=reason, actor="user:1")


@pytest.mark.parametrize("kind", ENDABLE)
def test_a_person_ends_it_and_says_why(make: Factories, kind: str) -> None:
    attempt = ENDABLE[kind](make)
    assert open_items() == [kind]
    end(make, attempt)
    (item,) = everything(AttentionItem)
    assert (item.state, item.ended_by, item.end_reason) == (
        AttentionState.ENDED,
        "user:1",
        "called the buyer",
    )
    told = trails.of_link(attempt.link)[-1]
    assert (told.name, told.actor, told.subject) == ("attention_ended", "user:1", item.subject)
    assert told.detail == {"kind": kind, "reason": "called the buyer"}
    assert open_alerts() == [], "nor does an alert go on about it"
    assert audit.run().findings == []


@pytest.mark.parametrize("kind", ENDABLE)
def test_ended_twice_it_is_ended_once(make: Factories, kind: str) -> None:
    attempt = ENDABLE[kind](make)
    (item,) = waiting()
    end(make, attempt)
    before = snapshot()
    matters.end(make.shop, attempt.link.code, item.id, reason="again", actor="user:2")
    assert snapshot() == before


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_nothing_is_ended_without_a_reason(make: Factories, reason: str) -> None:
    attempt = be_paid_twice(make)
    before = snapshot()
    with pytest.raises(InvalidInputError) as refused:
        end(make, attempt, reason)
    assert refused.value.field == "reason"
    assert snapshot() == before


def test_another_merchants_matter_and_another_orders_are_not_there(make: Factories) -> None:
    theirs = be_paid_twice(Factories())
    (item,) = waiting()
    ours = be_paid_twice(make)
    before = snapshot()
    for name in (theirs.link.code, ours.link.code):
        with pytest.raises(NotFoundError):
            matters.end(make.shop, name, item.id, reason="no", actor="cli")
    with pytest.raises(NotFoundError):
        matters.end(make.shop, ours.link.code, 10**17, reason="no", actor="cli")
    assert snapshot() == before


def test_surplus_money_is_set_aside_with_the_reason_and_can_still_go_back(make: Factories) -> None:
    attempt = be_paid_twice(make)
    end(make, attempt, "the buyer wants to donate it")
    first, second = everything(Capture)
    assert (first.state, second.state) == (CaptureState.FULFILS, CaptureState.DISMISSED)
    assert fresh(attempt.link).state is LinkState.PAID
    dismissed, ended = trails.of_link(attempt.link)[-2:]
    assert (dismissed.name, dismissed.subject, dismissed.actor) == (
        "capture_dismissed",
        second.subject,
        "user:1",
    )
    assert dismissed.detail == {"reason": "the buyer wants to donate it"}
    assert ended.name == "attention_ended"
    settle_refund(refund_of(attempt), RefundState.DONE)
    assert fresh(second).state is CaptureState.RETURNED
    assert audit.run().is_clean


def test_of_several_surplus_payments_only_the_one_that_was_looked_after_is_set_aside(
    make: Factories,
) -> None:
    attempt = be_paid_twice(make)
    said = observed(attempt, ProviderState.PAID, Payment("third", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    second, third = waiting()
    matters.end(make.shop, attempt.link.code, third.id, reason="donated", actor="cli")
    assert [one.state for one in everything(Capture)] == ["FULFILS", "SURPLUS", "DISMISSED"]
    assert waiting() == [second]
    assert audit.run().is_clean


def test_surplus_money_that_may_be_on_its_way_back_is_not_set_aside(make: Factories) -> None:
    attempt = be_paid_twice(make)
    refund = refund_of(attempt)
    (item,) = waiting()
    for state in (RefundState.REQUESTED, RefundState.ACCEPTED, RefundState.UNKNOWN):
        make.change(refund, state=state)
        before = snapshot()
        with pytest.raises(NotEndableError, match="under way: wait for its end"):
            matters.end(make.shop, attempt.link.code, item.id, reason="no", actor="cli")
        assert snapshot() == before
    make.change(refund, state=RefundState.REQUESTED)
    settle_refund(refund, RefundState.FAILED)
    matters.end(make.shop, attempt.link.code, item.id, reason="it stays here", actor="cli")
    assert open_items() == ["refund_failed"]
    assert everything(Capture)[-1].state is CaptureState.DISMISSED
    assert audit.run().is_clean


def test_the_refund_of_other_money_keeps_nobody_waiting(make: Factories) -> None:
    attempt = be_reversed(make)
    refund_of(attempt)
    said = observed(attempt, ProviderState.PAID, Payment("second", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    surplus = waiting()[-1]
    matters.end(make.shop, attempt.link.code, surplus.id, reason="donated", actor="cli")
    assert [one.state for one in everything(Capture)] == ["FULFILS", "DISMISSED"]


def test_a_review_is_decided_and_not_ended(make: Factories) -> None:
    attempt = be_in_review(make)
    foreign = replace(paid(attempt), account="not-ours")
    settlement.apply(attempt.reference, foreign, actor="test")
    before = snapshot()
    for item in waiting():
        with pytest.raises(NotEndableError, match="decide about the order first"):
            matters.end(make.shop, attempt.link.code, item.id, reason="no", actor="cli")
    assert snapshot() == before
    reviews.dismiss(make.shop, attempt.link.code, reason="no", actor="cli")
    assert waiting() == []


def test_an_uncertain_refund_ends_with_the_providers_books_only(make: Factories) -> None:
    attempt = have_refund_unanswered(make)
    before = snapshot()
    with pytest.raises(NotEndableError, match="wait for the provider's books"):
        end(make, attempt)
    assert snapshot() == before
    assert audit.run().is_clean


def test_an_email_that_can_still_be_sent_is_sent_and_not_ended(make: Factories) -> None:
    attempt = have_email_end(make, EmailState.FAILED)
    with pytest.raises(NotEndableError, match="do that first"):
        end(make, attempt)
    assert open_items() == ["email_failed"]


def test_an_email_that_nobody_can_send_any_more_is_ended(make: Factories) -> None:
    attempt = have_email_end(make, EmailState.FAILED)
    settle_refund(refund_of(attempt), RefundState.DONE)
    assert open_items() == ["email_failed"]
    end(make, attempt, "the buyer has the money")
    assert open_items() == []
    assert audit.run().is_clean


def test_what_comes_up_later_is_not_ended_by_an_older_form(make: Factories) -> None:
    attempt = be_reversed(make)
    (older,) = waiting()
    end(make, attempt)
    said = replace(observed(attempt, ProviderState.REVERSED), raw_state="LOST")
    settlement.apply(attempt.reference, said, actor="test")
    matters.end(make.shop, attempt.link.code, older.id, reason="seen", actor="cli")
    assert open_items() == ["reversed"]


def test_of_twenty_who_end_it_at_once_one_is_written_down(make: Factories, rows: Flask) -> None:
    attempt = be_paid_twice(make)
    (item,) = waiting()
    code, number, shop = attempt.link.code, item.id, fresh(make.shop)
    version = fresh(attempt.link).version
    db.session.expunge(shop)
    act = partial(matters.end, shop, code, number, reason="donated", actor="cli")
    outcomes = side_by_side(rows, [partial(raised, act)] * 20)
    assert outcomes == [None] * 20
    assert fresh(attempt.link).version == version + 2, "set aside, and looked after"
    assert audit.run().is_clean


def test_what_waits_is_listed_the_oldest_first(make: Factories) -> None:
    other = Factories()
    have_refund_fail(other)
    be_paid_twice(make)
    be_reversed(make)
    everybodys = [item.kind for item in matters.waiting(None, limit=50)]
    assert everybodys == ["refund_failed", "surplus", "reversed"]
    ours = matters.waiting(make.shop, limit=50)
    assert [item.kind for item in ours] == ["surplus", "reversed"]
    assert [item.kind for item in matters.waiting(None, limit=1)] == ["refund_failed"]
    end_of = ours[0]
    matters.end(make.shop, end_of.link.code, end_of.id, reason="donated", actor="cli")
    assert [item.kind for item in matters.waiting(make.shop, limit=50)] == ["reversed"]


def test_one_of_several_is_found_by_what_it_is_about(make: Factories) -> None:
    attempt = be_paid_twice(make)
    said = observed(attempt, ProviderState.PAID, Payment("third", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    reference = attempt.link.reference
    with pytest.raises(InvalidInputError, match=f"several: .*{attempt.reference}/third"):
        matters.find(make.shop, reference, "surplus")
    found = matters.find(make.shop, reference, "surplus", f"{attempt.reference}/third")
    assert found.id == waiting()[-1].id
    for kind, about in (("reversed", None), ("surplus", "nothing")):
        with pytest.raises(NotFoundError, match=f"nothing of this kind waits at {reference}"):
            matters.find(make.shop, reference, kind, about)
    with pytest.raises(NotFoundError):
        matters.find(make.merchant(), reference, "surplus", found.subject)
