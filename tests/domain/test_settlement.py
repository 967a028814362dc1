"""The one door: what a provider's word turns into, row by row of what it can say."""

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.money import Money
from webapp.core.states import (
    AttemptState,
    AttentionState,
    CaptureState,
    EmailState,
    LinkState,
    SessionState,
)
from webapp.domain.payments import audit, links, settlement, trails
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import db, queue_redis
from webapp.jobs import JobName
from webapp.models import (
    Alert,
    AttentionItem,
    Capture,
    EmailMessage,
    PaymentAttempt,
    PaymentLink,
    Ticket,
)
from webapp.providers.base import Observation, Payment, ProviderState


def settle(attempt: PaymentAttempt, said: Observation) -> Outcome:
    return settlement.apply(attempt.reference, said, actor="test")


def captures() -> list[CaptureState]:
    return [capture.state for capture in everything(Capture)]


def items() -> list[tuple[str, str]]:
    return [(item.kind, item.subject) for item in everything(AttentionItem)]


def test_a_payment_of_the_right_amount_makes_the_link_paid_with_tickets_and_email(
    make: Factories,
) -> None:
    attempt = make.pending()

    assert settle(attempt, paid(attempt)) is Outcome.PAID

    link = fresh(attempt.link)
    assert (link.state, link.may_hold_money) == (LinkState.PAID, False)
    assert (fresh(attempt).state, fresh(attempt.session).state) == (
        AttemptState.SUCCEEDED,
        SessionState.COMPLETED,
    )
    assert captures() == [CaptureState.FULFILS]
    assert [ticket.serial for ticket in everything(Ticket)] == [
        f"{link.reference}-1",
        f"{link.reference}-2",
    ]
    (message,) = everything(EmailMessage)
    assert (message.state, message.to_address) == (EmailState.QUEUED, "ada@example.org")
    assert queue_redis.exists(f"kick:{JobName.TICKET_EMAIL}")
    assert audit.run().is_clean


def test_the_moment_of_payment_is_the_providers(make: Factories) -> None:
    attempt = make.pending()
    at = attempt.created_at.replace(microsecond=0)
    settle(attempt, paid(attempt, paid_at=at))
    assert fresh(attempt.link).paid_at == at


def test_a_payment_without_a_moment_was_made_now(make: Factories) -> None:
    attempt = make.pending()
    said = paid(attempt)
    settle(attempt, replace(said, payments=(replace(said.payments[0], paid_at=None),)))
    paid_at = fresh(attempt.link).paid_at
    assert paid_at is not None
    assert abs((paid_at - clock.now()).total_seconds()) < 30


def test_twenty_threads_that_settle_one_payment_make_one_paid_link(
    make: Factories, app: Flask
) -> None:
    attempt = make.pending()
    said = paid(attempt)
    reference = attempt.reference

    def settle_having_seen_the_page() -> Outcome:
        # The identity map already knows the rows, as in a process that has shown a page.
        seen = [
            *db.session.scalars(select(PaymentLink)),
            *db.session.scalars(select(PaymentAttempt)),
        ]
        outcome = settlement.apply(reference, said, actor="test")
        assert len(seen) == 2
        return outcome

    outcomes = side_by_side(app, [settle_having_seen_the_page] * 20)

    assert sorted(outcomes) == sorted([Outcome.PAID, *[Outcome.NOTHING_NEW] * 19])
    assert [len(everything(table)) for table in (Capture, Ticket, EmailMessage)] == [1, 2, 1]
    names = [event.name for event in trails.of_link(attempt.link)]
    assert names.count("payment_confirmed") == 1
    assert audit.run().is_clean


@pytest.mark.parametrize(
    "money", [Money(2499, "EUR"), Money(2501, "EUR"), Money(2500, "USD"), Money(0, "EUR")]
)
def test_another_amount_or_currency_is_held_for_a_person_and_issues_no_ticket(
    make: Factories, money: Money
) -> None:
    attempt = make.pending()

    assert settle(attempt, paid(attempt, money=money)) is Outcome.HELD

    assert fresh(attempt.link).state is LinkState.REVIEW
    assert captures() == [CaptureState.HELD]
    assert everything(Ticket) == []
    assert everything(EmailMessage) == []
    assert items() == [("mismatch", attempt.link.reference)]
    (alert,) = everything(Alert)
    assert (alert.severity, alert.headline) == (
        "critical",
        f"Amount Mismatch - Order {attempt.link.reference}",
    )
    assert f"Expected: {attempt.money}" in alert.body
    assert f"Received: {money}" in alert.body
    assert audit.run().is_clean


def test_the_amount_is_compared_with_what_the_provider_was_asked_for(make: Factories) -> None:
    attempt = make.pending()
    make.change(attempt.link, amount_minor=1)
    assert settle(attempt, paid(attempt, money=Money(1, "EUR"))) is Outcome.HELD


def test_two_payments_on_one_checkout_are_both_held(make: Factories) -> None:
    attempt = make.pending()
    twice = (Payment("one", attempt.money, None), Payment("two", attempt.money, None))
    assert settle(attempt, observed(attempt, ProviderState.PAID, *twice)) is Outcome.HELD
    assert fresh(attempt.link).state is LinkState.REVIEW
    assert captures() == [CaptureState.HELD, CaptureState.HELD]
    assert everything(Ticket) == []
    assert audit.run().is_clean


def test_a_second_payment_on_a_checkout_that_was_paid_is_surplus(make: Factories) -> None:
    attempt = make.pending()
    first = Payment("one", attempt.money, None)
    settle(attempt, observed(attempt, ProviderState.PAID, first))

    said = observed(attempt, ProviderState.PAID, first, Payment("two", attempt.money, None))
    assert settle(attempt, said) is Outcome.SURPLUS

    assert fresh(attempt.link).state is LinkState.PAID
    assert captures() == [CaptureState.FULFILS, CaptureState.SURPLUS]
    assert items() == [("surplus", f"{attempt.reference}/two")]
    assert len(everything(Ticket)) == 2
    assert audit.run().is_clean


def test_money_through_an_older_checkout_of_a_paid_link_is_surplus(make: Factories) -> None:
    link = make.link()
    old = make.pending(link)
    settle(old, observed(old, ProviderState.FAILED))
    new = make.pending(link)
    settle(new, paid(new))

    assert settle(old, paid(old)) is Outcome.SURPLUS

    assert fresh(link).state is LinkState.PAID
    assert captures() == [CaptureState.FULFILS, CaptureState.SURPLUS]
    assert items() == [("surplus", f"{old.reference}/pay-{old.id}")]
    assert audit.run().is_clean


def test_money_through_an_older_checkout_pays_a_link_that_is_open(make: Factories) -> None:
    link = make.link()
    old = make.pending(link)
    settle(old, observed(old, ProviderState.FAILED))
    make.pending(link)
    assert settle(old, paid(old)) is Outcome.PAID
    assert fresh(old).state is AttemptState.SUCCEEDED
    assert audit.run().is_clean


FOREIGN = {
    "another account": {"account": "sbx-somebody"},
    "another reference": {"reference": "att-of-somebody"},
    "another checkout": {"checkout_id": "chk-of-somebody"},
    "live mode": {"is_live": True},
}


@pytest.mark.parametrize("differing", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("state", [ProviderState.PAID, ProviderState.OPEN, ProviderState.CLOSED])
def test_an_answer_that_is_not_about_us_books_nothing_and_calls_a_person(
    make: Factories, differing: dict[str, object], state: ProviderState
) -> None:
    attempt = make.pending()
    said = replace(paid(attempt), state=state, **differing)  # type: ignore[arg-type]  # by name

    assert settle(attempt, said) is Outcome.FOREIGN
    assert settle(attempt, said) is Outcome.FOREIGN

    assert fresh(attempt.link).state is LinkState.OPEN
    assert fresh(attempt).state is AttemptState.PENDING
    assert captures() == []
    assert items() == [("mismatch", attempt.reference)]
    assert [(alert.kind, alert.times) for alert in everything(Alert)] == [("foreign_answer", 1)]
    assert audit.run().is_clean


def test_a_payment_that_was_reversed_calls_a_person_and_keeps_its_tickets(make: Factories) -> None:
    attempt = make.pending()
    said = paid(attempt)
    settle(attempt, said)
    back = replace(said, state=ProviderState.REVERSED, raw_state="refunded")

    assert [settle(attempt, back) for _ in range(2)] == [Outcome.REVERSED, Outcome.NOTHING_NEW]

    assert fresh(attempt.link).state is LinkState.PAID
    assert {ticket.state for ticket in everything(Ticket)} == {"ISSUED"}
    assert items() == [("reversed", attempt.reference)]
    assert audit.run().is_clean


def test_a_try_that_failed_is_a_fact_and_not_the_end(make: Factories) -> None:
    attempt = make.pending()
    for _ in range(2):
        said = observed(attempt, ProviderState.ATTEMPT_FAILED, reason="no funds")
        assert settle(attempt, said) is Outcome.DECLINED
    assert (fresh(attempt).state, attempt.link.may_hold_money) == (AttemptState.PENDING, True)
    assert attempt.declined_at is not None
    names = [event.name for event in trails.of_link(attempt.link)]
    assert names.count("payment_declined") == 1
    assert settle(attempt, paid(attempt)) is Outcome.PAID


@pytest.mark.parametrize("state", [ProviderState.OPEN, ProviderState.PROCESSING])
def test_nobody_has_paid_yet_changes_nothing(make: Factories, state: ProviderState) -> None:
    attempt = make.pending()
    version = fresh(attempt.link).version
    assert settle(attempt, observed(attempt, state)) is Outcome.NOTHING_NEW
    assert fresh(attempt.link).version == version


@pytest.mark.parametrize(
    ("state", "closing_for", "ended", "interruption"),
    [
        (ProviderState.FAILED, None, AttemptState.FAILED, "declined"),
        (ProviderState.CLOSED, None, AttemptState.EXPIRED, "timeout"),
        (ProviderState.CLOSED, "cancel", AttemptState.CANCELED, "timeout"),
    ],
)
def test_a_checkout_that_ended_unpaid_leaves_the_link_open(
    make: Factories,
    state: ProviderState,
    closing_for: str | None,
    ended: AttemptState,
    interruption: str,
) -> None:
    attempt = make.pending()
    if closing_for is not None:
        links.cancel(make.shop, attempt.link.code, actor="test")
    assert settle(attempt, observed(attempt, state)) is Outcome.ENDED
    assert fresh(attempt).state is ended
    assert (fresh(attempt.link).state, attempt.link.may_hold_money) == (LinkState.OPEN, False)
    session = fresh(attempt.session)
    assert (session.state, session.interruption) == (SessionState.INTERRUPTED, interruption)


def test_a_payment_without_an_address_is_paid_and_a_person_is_told(make: Factories) -> None:
    attempt = make.pending(buyer_email=None)
    assert settle(attempt, paid(attempt)) is Outcome.PAID
    assert everything(EmailMessage) == []
    assert items() == [("email_failed", attempt.link.reference)]
    assert [item.state for item in everything(AttentionItem)] == [AttentionState.OPEN]
    assert audit.run().is_clean


def test_a_link_of_no_tickets_is_paid_all_the_same(make: Factories) -> None:
    attempt = make.pending(ticket_count=0)
    assert settle(attempt, paid(attempt)) is Outcome.PAID
    assert everything(Ticket) == []
    assert audit.run().is_clean


@pytest.mark.parametrize("state", ProviderState)
def test_an_attempt_that_is_not_ours_is_not_there(make: Factories, state: ProviderState) -> None:
    said = replace(paid(make.pending()), state=state)
    with pytest.raises(NotFoundError):
        settlement.apply("att-of-nobody", said, actor="test")


@pytest.mark.parametrize("minor", [2500, 2499])
def test_money_that_was_sent_back_before_we_saw_it_buys_nothing_without_a_person(
    make: Factories, minor: int
) -> None:
    attempt = make.pending()
    money = Payment("pay-1", Money(minor, "EUR"), clock.now())
    said = observed(attempt, ProviderState.REVERSED, money)
    assert settlement.apply(attempt.reference, said, actor="test") is Outcome.REVERSED
    assert fresh(attempt.link).state is LinkState.REVIEW
    assert {item.kind for item in everything(AttentionItem)} == {"mismatch", "reversed"}
    assert everything(Ticket) == []
    assert audit.run().is_clean


def test_a_payment_that_is_named_twice_in_one_answer_is_one_payment(make: Factories) -> None:
    attempt = make.pending()
    money = Payment("pay-1", attempt.money, clock.now())
    said = observed(attempt, ProviderState.PAID, money, money)
    assert settlement.apply(attempt.reference, said, actor="test") is Outcome.PAID
    assert len(everything(Capture)) == 1


def test_a_payment_that_was_booked_for_another_order_is_a_question_and_no_second_payment(
    make: Factories,
) -> None:
    first, second = make.pending(), make.pending()
    money = Payment("pay-1", first.money, clock.now())
    for attempt in (first, second, second):
        said = observed(attempt, ProviderState.PAID, money)
        settlement.apply(attempt.reference, said, actor="test")
    assert (fresh(first.link).state, fresh(second.link).state) == (LinkState.PAID, LinkState.OPEN)
    (item,) = everything(AttentionItem)
    assert (item.kind, item.subject, item.sight) == ("mismatch", second.reference, "pay-1")
    assert audit.run().is_clean
