"""The audit: proves that captured money has ended as a ticket, a refund or an attention item."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Exists,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    exists,
    func,
    or_,
    select,
)

from webapp.core.money import Money
from webapp.core.states import (
    LINK_ENDED,
    MAY_HOLD_MONEY,
    AttemptState,
    AttentionState,
    CaptureState,
    EmailState,
    LinkState,
    RefundState,
)
from webapp.domain.payments.refunds import UNDER_WAY
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


@dataclass(frozen=True)
class Finding:
    """One thing that should not be: which rule, and about what."""

    rule: str
    subject: str


@dataclass
class Report:
    """Sums of captured money by currency and by what became of it, and what is wrong."""

    captures: int = 0
    sums: dict[str, dict[CaptureState, int]] = field(default_factory=dict)
    waiting: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether all money has ended as the law says."""
        return not self.findings

    def lines(self) -> Iterator[str]:
        """Tell the report to a person, a line each."""
        yield f"Captures: {self.captures}"
        for currency, by_state in sorted(self.sums.items()):
            total = Money(sum(by_state.values()), currency)
            parts = ", ".join(
                f"{state.lower()} {Money(minor, currency)}"
                for state, minor in sorted(by_state.items())
            )
            yield f"{total} captured: {parts}"
        yield f"Open attention items: {self.waiting}"
        for finding in self.findings:
            yield f"WRONG {finding.rule}: {finding.subject}"
        yield "All captured money has ended." if self.is_clean else f"{len(self.findings)} wrong."


def run() -> Report:
    """Sum captures, refunds and attention items, and name all that breaks law 3."""
    report = Report()
    sums = select(
        Capture.currency, Capture.state, func.count(), func.sum(Capture.amount_minor)
    ).group_by(Capture.currency, Capture.state)
    for currency, state, count, minor in db.session.execute(sums):
        report.captures += count
        report.sums.setdefault(currency, {})[state] = int(minor)
    waiting = select(func.count()).where(AttentionItem.state == AttentionState.OPEN)
    report.waiting = db.session.scalars(waiting).one()
    for rule, query in _rules().items():
        report.findings.extend(Finding(rule, subject) for subject in db.session.scalars(query))
    return report


def _rules() -> dict[str, Select[str]]:
    """What must never be found, each as the query that would find it."""
    link, capture = PaymentLink, Capture
    of_link = capture.link_id == link.id
    links = select(link.reference)
    captures = (
        select(link.reference + "/" + capture.payment_reference)
        .select_from(capture)
        .join(link, of_link)
    )
    refunds = (
        select(link.reference + "/" + Refund.reference)
        .select_from(Refund)
        .join(capture, capture.id == Refund.capture_id)
        .join(link, of_link)
    )
    return {
        "paid, and no money fulfils it": links.where(
            link.state == LinkState.PAID,
            ~exists().where(of_link, capture.state == CaptureState.FULFILS),
        ),
        "money fulfils a link that is not paid": captures.where(
            capture.state == CaptureState.FULFILS, link.state != LinkState.PAID
        ),
        "paid, and the tickets are not all there, once each": links.where(
            link.state == LinkState.PAID, link.ticket_count != _tickets(link)
        ),
        "tickets without payment": links.where(
            link.state.not_in({LinkState.PAID, LinkState.REFUNDED}), _tickets(link) > 0
        ),
        "paid, and no email was promised": links.where(
            link.state == LinkState.PAID,
            ~exists().where(EmailMessage.link_id == link.id),
            ~_waits("email_failed"),
        ),
        "an email was given up, and nobody was told": links.join(
            EmailMessage, EmailMessage.link_id == link.id
        ).where(
            EmailMessage.state == EmailState.FAILED,
            # What a refund made needless is given up without a question.
            link.state != LinkState.REFUNDED,
            ~_was_told("email_failed"),
        ),
        "held money that nobody was asked about": captures.where(
            capture.state == CaptureState.HELD,
            or_(link.state != LinkState.REVIEW, ~_waits("mismatch", "late")),
        ),
        "in review, and no money is held": links.where(
            link.state == LinkState.REVIEW,
            ~exists().where(of_link, capture.state == CaptureState.HELD),
        ),
        "surplus money that nobody was asked about": captures.join(
            PaymentAttempt, PaymentAttempt.id == capture.attempt_id
        ).where(
            capture.state == CaptureState.SURPLUS,
            ~_waits(
                "surplus",
                subject=PaymentAttempt.reference + "/" + capture.payment_reference,
            ),
        ),
        "money sent back, and the refunds do not add up": captures.where(
            capture.state == CaptureState.RETURNED,
            capture.amount_minor != _sent_back(capture, Refund.state == RefundState.DONE),
        ),
        "a refund is uncertain, and nobody was told": refunds.where(
            Refund.state == RefundState.UNKNOWN, ~_waits("refund_unknown", subject=Refund.reference)
        ),
        "a refund failed, and nobody was told": refunds.where(
            Refund.state == RefundState.FAILED,
            ~_was_told("refund_failed", subject=Refund.reference),
        ),
        "a refund is stuck for more than a day": refunds.where(
            Refund.state.in_(UNDER_WAY),
            Refund.created_at < func.now() - timedelta(days=1),
            or_(
                Refund.next_step_at.is_(None),
                Refund.next_step_at < func.now() - timedelta(hours=1),
                Refund.state == RefundState.REQUESTED,
            ),
        ),
        "more is sent back than was taken": captures.where(
            capture.amount_minor < _sent_back(capture, Refund.state != RefundState.FAILED)
        ),
        "all of it is back, and the money does not say so": captures.where(
            capture.state != CaptureState.RETURNED,
            capture.amount_minor > 0,
            capture.amount_minor == _sent_back(capture, Refund.state == RefundState.DONE),
        ),
        "refunded, and money of it has not gone back": links.where(
            link.state == LinkState.REFUNDED,
            exists().where(of_link, capture.state.in_({CaptureState.FULFILS, CaptureState.HELD})),
        ),
        "dismissed money without a reason": captures.where(
            capture.state == CaptureState.DISMISSED,
            ~exists().where(
                AttentionItem.link_id == link.id, AttentionItem.end_reason.is_not(None)
            ),
        ),
        "an attempt succeeded, and no money is written down": select(
            PaymentAttempt.reference
        ).where(
            PaymentAttempt.state == AttemptState.SUCCEEDED,
            ~exists().where(capture.attempt_id == PaymentAttempt.id),
        ),
        "ended, and a payment could still be on its way": links.where(
            link.state.in_(LINK_ENDED), _has_live_attempt()
        ),
        "what the link says of money on its way is not so": links.where(
            link.may_hold_money != _has_live_attempt()
        ),
        "nobody watches it any more, and it has not ended": select(PaymentAttempt.reference).where(
            PaymentAttempt.state.in_(MAY_HOLD_MONEY),
            PaymentAttempt.watch_until < func.now() - timedelta(days=1),
        ),
        "the audit trail has a gap": links.where(
            or_(
                link.version != 1 + _events(link, func.count()),
                link.version != func.coalesce(_events(link, func.max(PaymentEvent.version)), 1),
            )
        ),
    }


def _events(link: type[PaymentLink], what: ColumnElement[int]) -> ScalarSelect[int]:
    return select(what).where(PaymentEvent.link_id == link.id).correlate(link).scalar_subquery()


def _tickets(link: type[PaymentLink]) -> ScalarSelect[int]:
    return select(func.count()).where(Ticket.link_id == link.id).correlate(link).scalar_subquery()


def _has_live_attempt() -> ColumnElement[bool]:
    return exists().where(
        PaymentAttempt.link_id == PaymentLink.id, PaymentAttempt.state.in_(MAY_HOLD_MONEY)
    )


def _waits(*kinds: str, subject: SQLColumnExpression[str] | None = None) -> ColumnElement[bool]:
    """Say whether an open attention item of these kinds lies on the link."""
    return _was_told(*kinds, subject=subject).where(AttentionItem.state == AttentionState.OPEN)


def _was_told(*kinds: str, subject: SQLColumnExpression[str] | None = None) -> Exists:
    told = exists().where(AttentionItem.link_id == PaymentLink.id, AttentionItem.kind.in_(kinds))
    return told if subject is None else told.where(AttentionItem.subject == subject)


def _sent_back(capture: type[Capture], which: ColumnElement[bool]) -> ScalarSelect[int]:
    return (
        select(func.coalesce(func.sum(Refund.amount_minor), 0))
        .where(Refund.capture_id == capture.id, which)
        .correlate(capture)
        .scalar_subquery()
    )
