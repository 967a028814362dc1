"""Every situation of a link and its attempt that a provider's word can meet."""

from collections.abc import Callable, Mapping

from sqlalchemy import Text, literal, literal_column, select, text, union_all

from tests.factories import Factories, observed, paid
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import CaptureState, LinkState, RefundState, SessionState
from webapp.domain.budget import Budget
from webapp.domain.payments import closing_rounds, expiry, links, reviews, sessions, settlement
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt, Refund
from webapp.providers.base import Observation, Payment, ProviderState

Situation = Callable[[Factories], PaymentAttempt]


def _settle(attempt: PaymentAttempt, said: Observation) -> None:
    settlement.apply(attempt.reference, said, actor="test")


def _ended(make: Factories, state: ProviderState = ProviderState.CLOSED) -> PaymentAttempt:
    attempt = make.pending()
    _settle(attempt, observed(attempt, state))
    return attempt


def _expired(make: Factories) -> PaymentAttempt:
    attempt = _ended(make)
    make.overdue(attempt.link)
    expiry.run_due(Budget.of(seconds=20))
    return attempt


def _given_up(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    make.overdue(attempt.link)
    make.change(attempt, watch_until=clock.now())
    expiry.run_due(Budget.of(seconds=20))
    return attempt


def _canceled(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    links.cancel(make.shop, attempt.link.code, actor="test")
    _settle(attempt, observed(attempt, ProviderState.CLOSED))
    # Nobody can be read any more, so the round has nothing left but to take the edge.
    make.change(attempt, watch_until=clock.now())
    closing_rounds.run_due(Budget.of(seconds=20))
    return attempt


def _paid(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    _settle(attempt, paid(attempt))
    return attempt


def _mismatched(attempt: PaymentAttempt) -> Observation:
    return paid(attempt, money=Money(1, "EUR"), reference=f"mismatched-{attempt.id}")


def _in_review(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    _settle(attempt, _mismatched(attempt))
    return attempt


def _dismissed(make: Factories) -> PaymentAttempt:
    attempt = _in_review(make)
    reviews.dismiss(make.shop, attempt.link.code, reason="no", actor="test")
    return attempt


def _refunded(make: Factories) -> PaymentAttempt:
    # No provider is there: the rows are written as a refund would leave them.
    attempt = _paid(make)
    capture = db.session.scalars(select(Capture).where(Capture.attempt_id == attempt.id)).one()
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


def _with_a_second(first: Situation) -> Situation:
    """The older attempt is asked about while a newer one, of another browser, is under way."""

    def prepare(make: Factories) -> PaymentAttempt:
        attempt = first(make)
        make.pending(attempt.link)
        return attempt

    return prepare


def _of_a_link_that_another(end: Callable[[PaymentAttempt], Observation]) -> Situation:
    """The newer attempt is asked about after the older one brought money."""

    def prepare(make: Factories) -> PaymentAttempt:
        old = _ended(make)
        new = make.pending(old.link)
        _settle(old, end(old))
        return new

    return prepare


def _without_a_session(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    make.change(attempt.session, expires_at=clock.now())
    assert sessions.expire_due() == 1
    assert attempt.session.state is SessionState.EXPIRED
    return attempt


def _closing(make: Factories) -> PaymentAttempt:
    attempt = make.pending()
    links.cancel(make.shop, attempt.link.code, actor="test")
    return attempt


SITUATIONS: Mapping[str, Situation] = {
    "open, created": Factories.created,
    "open, pending": Factories.pending,
    "open, pending, closing": _closing,
    "open, pending, the sitting is over": _without_a_session,
    "open, failed": lambda make: _ended(make, ProviderState.FAILED),
    "open, expired": _ended,
    "open, expired, another one is pending": _with_a_second(_ended),
    "paid": _paid,
    "paid by another one": _of_a_link_that_another(paid),
    "in review": _in_review,
    "in review for another one": _of_a_link_that_another(_mismatched),
    "expired": _expired,
    "expired unverified": _given_up,
    "canceled": _canceled,
    "dismissed": _dismissed,
    "refunded": _refunded,
}


def _said(state: ProviderState, *payments: tuple[str, int, str]) -> Callable[..., Observation]:
    def say(attempt: PaymentAttempt) -> Observation:
        taken = [
            Payment(f"{name}-{attempt.id}", Money(minor, code), None)
            for name, minor, code in payments
        ]
        return observed(attempt, state, *taken)

    return say


WORDS: Mapping[str, Callable[[PaymentAttempt], Observation]] = {
    "nobody has paid": _said(ProviderState.OPEN),
    "the last try failed": _said(ProviderState.ATTEMPT_FAILED),
    "declined for good": _said(ProviderState.FAILED),
    "reversed": _said(ProviderState.REVERSED),
    "paid": paid,
    "paid too little": _said(ProviderState.PAID, ("new", 2499, "EUR")),
    "reversed, with the money": _said(ProviderState.REVERSED, ("new", 2500, "EUR")),
}


def snapshot() -> set[tuple[str, str]]:
    """Return every row of every table as PostgreSQL writes it."""
    db.session.rollback()
    names = [table.name for table in db.metadata.sorted_tables]
    rows = [
        select(literal(name), literal_column("rows::text", Text)).select_from(
            text(f'"{name}" AS rows')
        )
        for name in names
    ]
    return {(name, row) for name, row in db.session.execute(union_all(*rows))}
