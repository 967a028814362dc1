from flask import Flask
from sqlalchemy import select

from tests.cli.test_links import run
from tests.factories import Factories, paid
from webapp.core.money import Money
from webapp.core.states import CaptureState, LinkState
from webapp.domain.desk import demo, users
from webapp.domain.payments import settlement
from webapp.extensions import db
from webapp.models import Capture, PaymentLink


def in_review(make: Factories) -> PaymentLink:
    """Bring a link into review by a payment of the wrong amount."""
    attempt = make.pending()
    wrong = paid(attempt, money=Money(100, "EUR"))
    settlement.apply(attempt.reference, wrong, actor="test")
    return attempt.link


def test_a_cycle_without_anything_due_says_so(rows: Flask) -> None:
    done = run(rows, "payments", "verify", "--verbose")
    assert done.exit_code == 0
    assert "Verified: 0" in done.output
    assert "Errors: 0" in done.output


def test_a_payment_that_nobody_began_is_not_there(rows: Flask) -> None:
    done = run(rows, "payments", "verify", "--reference", "ORD-NOBODY")
    assert done.exit_code == 1
    assert "no payment was begun" in done.output


def test_an_unreadable_provider_is_an_error_of_the_cycle_and_changes_nothing(
    rows: Flask, make: Factories
) -> None:
    attempt = make.pending()  # nobody listens where the settings of the tests have the bank
    words = ("payments", "verify", "--verbose", "--reference", attempt.link.reference)
    done = run(rows, *words)
    assert done.exit_code == 0
    assert f"Order {attempt.link.reference}: error (connection refused)" in done.output
    assert "Errors: 1" in done.output
    db.session.refresh(attempt.link)
    assert attempt.link.state is LinkState.OPEN


def test_the_audit_sums_up_and_is_content(rows: Flask, make: Factories) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    done = run(rows, "payments", "audit")
    assert done.exit_code == 0
    assert "€25.00 captured: fulfils €25.00" in done.output


def test_the_audit_fails_when_money_has_not_ended(rows: Flask, make: Factories) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    make.change(attempt.link, state=LinkState.OPEN)
    done = run(rows, "payments", "audit")
    assert done.exit_code == 1
    assert f"money fulfils a link that is not paid: {attempt.link.reference}" in done.output


def test_review_is_ended_by_accepting(rows: Flask, make: Factories) -> None:
    link = in_review(make)
    done = run(rows, "review", "accept", link.reference, "--merchant", make.shop.slug)
    assert done.exit_code == 0
    assert run(rows, "payments", "audit").exit_code == 0
    db.session.refresh(link)
    assert link.state is LinkState.PAID


def test_review_is_ended_by_dismissing_with_a_reason(rows: Flask, make: Factories) -> None:
    link = in_review(make)
    words = ("review", "dismiss", link.reference, "--merchant", make.shop.slug)
    assert run(rows, *words).exit_code == 2
    assert run(rows, *words, "--reason", " ").exit_code == 2
    assert run(rows, *words, "--reason", "a test card").exit_code == 0
    assert run(rows, "payments", "audit").exit_code == 0
    assert db.session.scalars(select(Capture.state)).one() is CaptureState.DISMISSED
    assert run(rows, *words, "--reason", "twice").exit_code == 1


def test_a_merchant_is_created_once(rows: Flask) -> None:
    words = ("merchant", "create", "corner-shop", "--name", "The Corner Shop", "--sandbox")
    assert run(rows, *words).exit_code == 0
    assert run(rows, *words).exit_code == 2
    assert run(rows, "merchant", "create", "No Good", "--name", "x").exit_code == 2


def test_the_seed_makes_only_what_is_missing(rows: Flask) -> None:
    first = run(rows, "seed")
    assert first.exit_code == 0
    assert "TEST-001" in first.output
    made = db.session.scalars(select(PaymentLink.reference).order_by(PaymentLink.id)).all()
    assert run(rows, "seed").output == first.output
    again = db.session.scalars(select(PaymentLink.reference).order_by(PaymentLink.id)).all()
    assert again == made


def test_the_seed_says_where_the_owners_address_is_somebody_elses(
    rows: Flask, make: Factories
) -> None:
    users.make(make.shop, email=demo.OWNER, password="their own password", name="Otto")
    done = run(rows, "seed")
    assert done.exit_code == 0
    assert "somebody else signs in with it: the demo has no owner" in done.output
    assert "Payable link" in done.output
