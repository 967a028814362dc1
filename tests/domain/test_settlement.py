from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import func, select

from tests.factories import Factories, paid
from webapp.core.states import CaptureState, EmailState, LinkState
from webapp.domain.payments import settlement
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import db
from webapp.models import Capture, EmailMessage, PaymentAttempt, PaymentEvent, PaymentLink, Ticket


def test_a_payment_of_the_right_amount_makes_the_link_paid_with_tickets_and_email(
    make: Factories,
) -> None:
    attempt = make.pending()

    outcome = settlement.apply(attempt.reference, paid(attempt), actor="test")

    db.session.refresh(attempt.link)
    assert outcome is Outcome.PAID
    assert attempt.link.state is LinkState.PAID
    assert db.session.scalars(select(Capture.state)).all() == [CaptureState.FULFILS]
    assert len(db.session.scalars(select(Ticket.serial)).all()) == 2
    assert db.session.scalars(select(EmailMessage.state)).all() == [EmailState.QUEUED]


def test_twenty_threads_that_settle_one_payment_make_one_paid_link(
    make: Factories, app: Flask
) -> None:
    attempt = make.pending()
    said = paid(attempt)

    def settle(_: int) -> Outcome:
        with app.app_context():
            # The identity map already knows the rows, as in a process that has shown a page.
            db.session.scalars(select(PaymentLink)).all()
            db.session.scalars(select(PaymentAttempt)).all()
            return settlement.apply(attempt.reference, said, actor="test")

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(settle, range(20)))

    assert sorted(outcomes) == sorted([Outcome.PAID, *[Outcome.NOTHING_NEW] * 19])
    counts = [
        db.session.scalars(select(func.count()).select_from(table)).one()
        for table in (Capture, Ticket, EmailMessage)
    ]
    assert counts == [1, 2, 1]
    names = db.session.scalars(select(PaymentEvent.name)).all()
    assert names.count("payment_confirmed") == 1
