from functools import partial
from typing import Any

import pytest
from flask import Flask

from tests.domain.side_by_side import raised, side_by_side
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core.errors import (
    InvalidInputError,
    LinkNotPayableError,
    NoRoomError,
    PaymentInFlightError,
)
from webapp.core.money import Money
from webapp.core.states import CaptureState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, expiry, links, reviews, settlement, trails
from webapp.extensions import queue_redis
from webapp.jobs import JobName
from webapp.models import AttentionItem, Capture, EmailMessage, PaymentAttempt, PaymentLink, Ticket
from webapp.providers.base import Payment, ProviderState

CENT = Money(1, "EUR")


def in_review(make: Factories, *money: Money, **order: Any) -> PaymentLink:
    attempt = make.pending(**order)
    taken = [Payment(f"pay-{number}", one, None) for number, one in enumerate(money or (CENT,))]
    settlement.apply(attempt.reference, observed(attempt, ProviderState.PAID, *taken), actor="test")
    assert fresh(attempt.link).state is LinkState.REVIEW
    return attempt.link


def accept(make: Factories, link: PaymentLink) -> None:
    reviews.accept(make.shop, link.code, actor="cli")


def dismiss(make: Factories, link: PaymentLink, reason: str = "the buyer was called") -> None:
    reviews.dismiss(make.shop, link.code, reason=reason, actor="cli")


def captures() -> list[CaptureState]:
    return [capture.state for capture in everything(Capture)]


def items() -> list[tuple[str, str, str | None, str | None]]:
    return [
        (item.kind, item.state, item.ended_by, item.end_reason)
        for item in everything(AttentionItem)
    ]


def test_accepted_money_pays_the_link_and_brings_the_tickets(make: Factories) -> None:
    link = in_review(make)
    accept(make, link)
    assert (fresh(link).state, captures()) == (LinkState.PAID, [CaptureState.FULFILS])
    assert (len(everything(Ticket)), len(everything(EmailMessage))) == (2, 1)
    assert items() == [("mismatch", "ENDED", "cli", "accepted")]
    assert "review_accepted" in [event.name for event in trails.of_link(link)]
    assert queue_redis.exists(f"kick:{JobName.TICKET_EMAIL}")
    assert audit.run().is_clean


def test_of_two_payments_the_fitting_one_pays_and_the_other_is_surplus(make: Factories) -> None:
    link = in_review(make, CENT, Money(2500, "EUR"))
    accept(make, link)
    assert captures() == [CaptureState.SURPLUS, CaptureState.FULFILS]
    assert [item[:2] for item in items()] == [("mismatch", "ENDED"), ("surplus", "OPEN")]
    assert audit.run().is_clean


def test_accepting_takes_the_places_again_or_refuses(make: Factories) -> None:
    event = make.event(capacity=2)
    attempt = make.pending(event=event)
    link = attempt.link
    settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
    make.overdue(link)
    expiry.run_due(Budget.of(seconds=20))
    other = make.link(event=event)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(link).state is LinkState.REVIEW

    with pytest.raises(NoRoomError):
        accept(make, link)
    assert (fresh(link).state, captures()) == (LinkState.REVIEW, [CaptureState.HELD])

    links.cancel(make.shop, other.code, actor="test")
    accept(make, link)
    assert (fresh(link).state, link.seats_held) == (LinkState.PAID, 2)
    assert items() == [("late", "ENDED", "cli", "accepted")]
    assert audit.run().is_clean


def test_dismissed_money_cancels_the_link_and_keeps_the_reason(make: Factories) -> None:
    event = make.event(capacity=2)
    link = in_review(make, event=event)
    dismiss(make, link)
    assert (fresh(link).state, link.seats_held) == (LinkState.CANCELED, 0)
    assert captures() == [CaptureState.DISMISSED]
    assert items() == [("mismatch", "ENDED", "cli", "the buyer was called")]
    by_name = {event.name: event for event in trails.of_link(link)}
    assert by_name["review_dismissed"].detail == {"reason": "the buyer was called"}
    assert everything(Ticket) == []
    make.link(event=event)
    assert audit.run().is_clean


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_money_is_not_dismissed_without_a_reason(make: Factories, reason: str) -> None:
    link = in_review(make)
    with pytest.raises(InvalidInputError) as refusal:
        dismiss(make, link, reason)
    assert refusal.value.field == "reason"
    assert (fresh(link).state, captures()) == (LinkState.REVIEW, [CaptureState.HELD])


def test_nothing_is_dismissed_while_another_payment_is_on_its_way(make: Factories) -> None:
    old = make.pending()
    link = old.link
    settlement.apply(old.reference, observed(old, ProviderState.CLOSED), actor="test")
    new = make.pending(link)
    settlement.apply(old.reference, paid(old, money=CENT), actor="test")

    with pytest.raises(PaymentInFlightError):
        dismiss(make, link)
    assert fresh(link).state is LinkState.REVIEW

    settlement.apply(new.reference, observed(new, ProviderState.CLOSED), actor="test")
    dismiss(make, link)
    assert fresh(link).state is LinkState.CANCELED
    assert audit.run().is_clean


@pytest.mark.parametrize("state", [LinkState.OPEN, LinkState.PAID, LinkState.CANCELED])
def test_only_what_is_in_review_is_decided(make: Factories, state: LinkState) -> None:
    attempt: PaymentAttempt = make.pending()
    link = attempt.link
    if state is LinkState.PAID:
        settlement.apply(attempt.reference, paid(attempt), actor="test")
    if state is LinkState.CANCELED:
        settlement.apply(attempt.reference, observed(attempt, ProviderState.CLOSED), actor="test")
        links.cancel(make.shop, link.code, actor="test")
    version = fresh(link).version
    for decide in (accept, dismiss):
        with pytest.raises(LinkNotPayableError):
            decide(make, link)
    assert (fresh(link).state, link.version) == (state, version)


def test_two_people_who_decide_at_once_decide_once(make: Factories, app: Flask) -> None:
    link = in_review(make)
    shop = fresh(make.shop)
    both = [
        partial(raised, partial(reviews.accept, shop, link.code, actor="one")),
        partial(raised, partial(reviews.dismiss, shop, link.code, reason="no", actor="other")),
    ]
    assert sorted(side_by_side(app, both), key=str) == [LinkNotPayableError, None]
    assert fresh(link).state in {LinkState.PAID, LinkState.CANCELED}
    assert audit.run().is_clean


def test_new_money_for_a_dismissed_link_still_buys_its_tickets(make: Factories) -> None:
    link = in_review(make)
    (attempt,) = everything(PaymentAttempt)
    dismiss(make, link)
    second = Payment("pay-new", link.money, None)
    said = observed(attempt, ProviderState.PAID, Payment("pay-0", CENT, None), second)
    settlement.apply(attempt.reference, said, actor="test")
    assert fresh(link).state is LinkState.PAID
    assert captures() == [CaptureState.DISMISSED, CaptureState.FULFILS]
    assert audit.run().is_clean


def test_the_right_payment_that_comes_during_a_review_is_the_one_that_is_accepted(
    make: Factories,
) -> None:
    link = in_review(make)
    (attempt,) = everything(PaymentAttempt)
    right = Payment("pay-right", link.money, None)
    said = observed(attempt, ProviderState.PAID, Payment("pay-0", CENT, None), right)
    settlement.apply(attempt.reference, said, actor="test")
    assert captures() == [CaptureState.HELD, CaptureState.HELD]
    assert audit.run().is_clean
    accept(make, link)
    assert captures() == [CaptureState.SURPLUS, CaptureState.FULFILS]
    assert audit.run().is_clean
