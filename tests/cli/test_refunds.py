from flask import Flask

from tests.cli.test_links import run
from tests.domain.at_bank import AtBank
from tests.domain.refunding import taken
from tests.factories import Factories, everything, paid
from webapp.core.money import Money
from webapp.domain.payments import settlement
from webapp.models import Capture, Refund


def bought(make: Factories) -> Capture:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return everything(Capture)[-1]


def test_money_is_asked_for_sent_and_listed(rows: Flask, make: Factories, at_bank: AtBank) -> None:
    capture = taken(at_bank)
    where = (capture.link.reference, "--merchant", make.shop.slug)
    asked = run(rows, "refunds", "request", *where, "--amount", "5.00", "--reason", "ill")
    assert asked.exit_code == 0
    (refund,) = everything(Refund)
    assert (refund.money, refund.requested_by, refund.reason) == (Money(500, "EUR"), "cli", "ill")
    assert f"{refund.reference}  REQUESTED  €5.00" in asked.output
    again = run(rows, "refunds", "request", *where, "--reason", "ill")
    assert again.exit_code == 1
    assert "under way: wait for its end" in again.output
    assert "2 steps; 1 DONE" in run(rows, "refunds", "run").output
    listed = run(rows, "refunds", "list", *where)
    assert f"{refund.reference}  DONE  €5.00  of {capture.payment_reference}" in listed.output
    assert "0 steps; nothing has changed" in run(rows, "refunds", "run").output


def test_without_an_amount_all_that_is_left_is_asked_for(rows: Flask, make: Factories) -> None:
    capture = bought(make)
    words = ("refunds", "request", capture.link.reference, "--merchant", make.shop.slug)
    assert run(rows, *words).exit_code == 2
    assert run(rows, *words, "--reason", " ").exit_code == 2
    assert run(rows, *words, "--reason", "no", "--amount", "25.01").exit_code == 2
    assert run(rows, *words, "--reason", "no", "--amount", "5", "--currency", "USD").exit_code == 2
    assert run(rows, *words, "--reason", "no", "--currency", "EUR").exit_code == 2
    assert run(rows, *words, "--reason", "no", "--payment", "nobody").exit_code == 1
    assert everything(Refund) == []
    assert (
        run(rows, *words, "--reason", "no", "--payment", capture.payment_reference).exit_code == 0
    )
    assert [refund.money for refund in everything(Refund)] == [capture.money]


def test_another_merchants_order_is_not_there(rows: Flask, make: Factories) -> None:
    theirs = bought(Factories())
    words = (theirs.link.reference, "--merchant", make.shop.slug)
    assert run(rows, "refunds", "request", *words, "--reason", "no").exit_code == 1
    assert run(rows, "refunds", "list", *words).exit_code == 1
    assert everything(Refund) == []
