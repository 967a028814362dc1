"""The audit finds each thing that should not be, when it is broken on purpose."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from tests.factories import Factories, everything, observed, paid
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import (
    AttemptState,
    AttentionState,
    CaptureState,
    EmailState,
    LinkState,
    RefundState,
)
from webapp.domain.payments import audit, refunds, reviews, settlement
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import (
    AttentionItem,
    Capture,
    EmailMessage,
    PaymentAttempt,
    PaymentEvent,
    PaymentLink,
    Refund,
    Ticket,
)
from webapp.providers.base import Payment, ProviderState

CENT = Money(1, "EUR")


def be_paid(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return attempt


def be_in_review(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt, money=CENT), actor="test")
    return attempt


def be_paid_twice(make: Factories) -> PaymentAttempt:
    attempt = be_paid(make)
    said = observed(attempt, ProviderState.PAID, Payment("second", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    return attempt


def be_dismissed(make: Factories) -> PaymentAttempt:
    attempt = be_in_review(make)
    reviews.dismiss(make.shop, attempt.link.code, reason="no", actor="test")
    return attempt


def be_refunded(make: Factories) -> PaymentAttempt:
    attempt = be_paid(make)
    capture = everything(Capture)[-1]
    with transaction():
        db.session.add(
            Refund(
                capture_id=capture.id,
                amount_minor=capture.amount_minor,
                currency=capture.currency,
                state=RefundState.DONE,
                requested_by="test",
                reason="test",
            )
        )
    make.change(capture, state=CaptureState.RETURNED)
    make.change(attempt.link, state=LinkState.REFUNDED)
    return attempt


def be_sending_back(make: Factories) -> PaymentAttempt:
    attempt = be_paid(make)
    refunds.request(make.shop, attempt.link.code, reason="no", actor="test")
    return attempt


def drop(model: type[AttentionItem | EmailMessage | PaymentEvent | Refund | Ticket]) -> None:
    newest = select(model.id).order_by(model.id.desc()).limit(1).scalar_subquery()
    with transaction():
        db.session.execute(delete(model).where(model.id == newest))


def change(make: Factories, model: type[Capture | EmailMessage], **columns: object) -> None:
    make.change(everything(model)[-1], **columns)


def end_item(make: Factories, **columns: object) -> None:
    item = everything(AttentionItem)[-1]
    ended = {"state": AttentionState.ENDED, "ended_at": clock.now(), "ended_by": "test"}
    make.change(item, **(ended | columns))


def add_ticket(link: PaymentLink) -> None:
    with transaction():
        ticket = Ticket(link_id=link.id, number=9, serial=f"{link.reference}-9", code="forged")
        db.session.add(ticket)


Break = Callable[[Factories, PaymentAttempt], object]

BROKEN: dict[str, tuple[str, Callable[[Factories], PaymentAttempt], Break]] = {
    "nobody watches": (
        "nobody watches it any more, and it has not ended",
        Factories.pending,
        lambda make, one: make.change(one, watch_until=clock.now() - timedelta(days=2)),
    ),
    "paid without money": (
        "paid, and no money fulfils it",
        be_paid,
        lambda make, _: change(make, Capture, state=CaptureState.DISMISSED),
    ),
    "money without paid": (
        "money fulfils a link that is not paid",
        be_paid,
        lambda make, one: make.change(one.link, state=LinkState.OPEN),
    ),
    "a ticket is missing": (
        "paid, and the tickets are not all there, once each",
        be_paid,
        lambda _, __: drop(Ticket),
    ),
    "a ticket too many": (
        "paid, and the tickets are not all there, once each",
        be_paid,
        lambda _, one: add_ticket(one.link),
    ),
    "a ticket for nothing": (
        "tickets without payment",
        Factories.pending,
        lambda _, one: add_ticket(one.link),
    ),
    "no email": (
        "paid, and no email was promised",
        be_paid,
        lambda _, __: drop(EmailMessage),
    ),
    "an email given up": (
        "an email was given up, and nobody was told",
        be_paid,
        lambda make, _: change(make, EmailMessage, state=EmailState.FAILED),
    ),
    "held, and nobody is asked": (
        "held money that nobody was asked about",
        be_in_review,
        lambda make, _: end_item(make),
    ),
    "held by a link that is not in review": (
        "held money that nobody was asked about",
        be_in_review,
        lambda make, one: make.change(one.link, state=LinkState.OPEN),
    ),
    "in review for nothing": (
        "in review, and no money is held",
        be_in_review,
        lambda make, _: change(make, Capture, state=CaptureState.RETURNED),
    ),
    "surplus, and nobody is asked": (
        "surplus money that nobody was asked about",
        be_paid_twice,
        lambda make, _: end_item(make),
    ),
    "surplus, and somebody is asked about something else": (
        "surplus money that nobody was asked about",
        be_paid_twice,
        lambda make, _: make.change(everything(AttentionItem)[-1], subject="att-1/other"),
    ),
    "returned without a refund": (
        "money sent back, and the refunds do not add up",
        be_refunded,
        lambda _, __: drop(Refund),
    ),
    "returned in part": (
        "money sent back, and the refunds do not add up",
        be_refunded,
        lambda make, _: make.change(everything(Refund)[0], amount_minor=1),
    ),
    "returned by a refund that failed": (
        "money sent back, and the refunds do not add up",
        be_refunded,
        lambda make, _: make.change(everything(Refund)[0], state=RefundState.FAILED),
    ),
    "a refund is uncertain, and nobody is asked": (
        "a refund is uncertain, and nobody was told",
        be_sending_back,
        lambda make, _: make.change(everything(Refund)[0], state=RefundState.UNKNOWN),
    ),
    "a refund failed, and nobody was asked": (
        "a refund failed, and nobody was told",
        be_sending_back,
        lambda make, _: make.change(everything(Refund)[0], state=RefundState.FAILED),
    ),
    "a refund that nobody sends": (
        "a refund is stuck for more than a day",
        be_sending_back,
        lambda make, _: make.change(
            everything(Refund)[0], created_at=clock.now() - timedelta(days=2)
        ),
    ),
    "a refund that nobody reads back": (
        "a refund is stuck for more than a day",
        be_sending_back,
        lambda make, _: make.change(
            everything(Refund)[0],
            state=RefundState.ACCEPTED,
            next_step_at=None,
            created_at=clock.now() - timedelta(days=2),
        ),
    ),
    "more sent back than taken": (
        "more is sent back than was taken",
        be_sending_back,
        lambda make, _: make.change(everything(Refund)[0], amount_minor=2501),
    ),
    "sent back, and nobody has seen it": (
        "all of it is back, and the money does not say so",
        be_sending_back,
        lambda make, _: make.change(everything(Refund)[0], state=RefundState.DONE),
    ),
    "refunded without its money": (
        "refunded, and money of it has not gone back",
        be_paid,
        lambda make, one: make.change(one.link, state=LinkState.REFUNDED),
    ),
    "dismissed without a reason": (
        "dismissed money without a reason",
        be_dismissed,
        lambda make, _: end_item(make, end_reason=None),
    ),
    "succeeded without money": (
        "an attempt succeeded, and no money is written down",
        Factories.pending,
        lambda make, one: make.change(one, state=AttemptState.SUCCEEDED),
    ),
    "expired with a payment on its way": (
        "ended, and a payment could still be on its way",
        Factories.pending,
        lambda make, one: make.change(
            one.link, state=LinkState.EXPIRED, ended_at=clock.now(), may_hold_money=True
        ),
    ),
    "a link that says no money is on its way": (
        "what the link says of money on its way is not so",
        Factories.created,
        lambda make, one: make.change(one.link, may_hold_money=False),
    ),
    "a link that says money is on its way": (
        "what the link says of money on its way is not so",
        be_paid,
        lambda make, one: make.change(one.link, may_hold_money=True),
    ),
    "an event is missing": (
        "the audit trail has a gap",
        be_paid,
        lambda _, __: drop(PaymentEvent),
    ),
    "a version is missing": (
        "the audit trail has a gap",
        be_paid,
        lambda make, _: make.change(everything(PaymentEvent)[-1], version=99),
    ),
    "a version without an event": (
        "the audit trail has a gap",
        be_paid,
        lambda make, one: make.change(one.link, version=one.link.version + 1),
    ),
}


@pytest.mark.parametrize(("rule", "prepare", "spoil"), BROKEN.values(), ids=BROKEN.keys())
def test_the_audit_finds_what_should_not_be(
    make: Factories,
    rule: str,
    prepare: Callable[[Factories], PaymentAttempt],
    spoil: Break,
) -> None:
    be_paid(Factories())  # a neighbour that nothing is wrong with
    attempt = prepare(make)
    assert audit.run().findings == []

    spoil(make, attempt)

    report = audit.run()
    assert rule in {finding.rule for finding in report.findings}
    named = {finding.subject.partition("/")[0] for finding in report.findings}
    assert named <= {attempt.link.reference, attempt.reference}
    assert not report.is_clean
    assert f"WRONG {rule}: " in "\n".join(report.lines())


def test_every_rule_of_the_audit_is_broken_once() -> None:
    assert {rule for rule, _, _ in BROKEN.values()} == set(audit._rules())


def test_the_audit_sums_money_by_what_became_of_it(make: Factories) -> None:
    be_paid_twice(make)
    be_in_review(make)
    assert list(audit.run().lines()) == [
        "Captures: 3",
        "€50.01 captured: fulfils €25.00, held €0.01, surplus €25.00",
        "Open attention items: 2",
        "All captured money has ended.",
    ]


def test_an_empty_house_is_clean(make: Factories) -> None:
    assert list(audit.run().lines()) == [
        "Captures: 0",
        "Open attention items: 0",
        "All captured money has ended.",
    ]
