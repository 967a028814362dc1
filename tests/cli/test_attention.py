from flask import Flask

from tests.cli.test_links import run
from tests.domain.attending import be_in_review, be_paid, be_paid_twice, be_reversed, waiting
from tests.factories import Factories, everything, observed
from webapp.core import clock
from webapp.core.states import CaptureState, RefundState
from webapp.domain.payments import accounts, audit, settlement
from webapp.models import AttentionItem, Capture, Refund
from webapp.providers.base import Payment, ProviderState


def test_what_waits_is_listed_with_its_merchant_and_order(rows: Flask, make: Factories) -> None:
    theirs, ours = be_reversed(Factories()), be_paid_twice(make)
    first, second = waiting()
    everybodys = run(rows, "attention", "list").output.splitlines()
    assert [line.split("  ")[:3] for line in everybodys] == [
        [theirs.link.merchant.slug, theirs.link.reference, "reversed"],
        [make.shop.slug, ours.link.reference, "surplus"],
    ]
    assert everybodys[0].endswith(first.sentence)
    listed = run(rows, "attention", "list", "--merchant", make.shop.slug)
    (line,) = listed.output.splitlines()
    assert line == everybodys[1]
    assert f"  {second.subject}  {clock.iso(second.raised_at)}  " in line
    assert len(run(rows, "attention", "list", "--limit", "1").output.splitlines()) == 1
    assert run(rows, "attention", "list", "--merchant", "nobody").exit_code == 1


def test_what_was_looked_after_is_ended_with_the_reason(rows: Flask, make: Factories) -> None:
    attempt = be_paid_twice(make)
    where = (attempt.link.reference, "--merchant", make.shop.slug, "--kind", "surplus")
    assert run(rows, "attention", "end", *where).exit_code == 2
    assert run(rows, "attention", "end", *where, "--reason", " ").exit_code == 2
    ended = run(rows, "attention", "end", *where, "--reason", "donated")
    assert ended.exit_code == 0
    assert f"{attempt.link.reference}: surplus of {attempt.reference}/second-" in ended.output
    (item,) = everything(AttentionItem)
    assert (item.ended_by, item.end_reason) == ("cli", "donated")
    assert everything(Capture)[-1].state is CaptureState.DISMISSED
    assert audit.run().is_clean
    again = run(rows, "attention", "end", *where, "--reason", "donated")
    assert again.exit_code == 1
    assert "nothing of this kind waits" in again.output


def test_of_several_one_is_named(rows: Flask, make: Factories) -> None:
    attempt = be_paid_twice(make)
    said = observed(attempt, ProviderState.PAID, Payment("third", attempt.money, None))
    settlement.apply(attempt.reference, said, actor="test")
    where = (attempt.link.reference, "--merchant", make.shop.slug, "--kind", "surplus")
    words = ("attention", "end", *where, "--reason", "donated")
    refused = run(rows, *words)
    assert refused.exit_code == 2
    assert f"{attempt.reference}/third" in refused.output
    assert run(rows, *words, "--about", f"{attempt.reference}/third").exit_code == 0
    assert [one.state for one in everything(Capture)] == ["FULFILS", "SURPLUS", "DISMISSED"]


def test_what_has_to_wait_is_refused_in_words(rows: Flask, make: Factories) -> None:
    attempt = be_in_review(make)
    words = (attempt.link.reference, "--merchant", make.shop.slug, "--kind", "mismatch")
    refused = run(rows, "attention", "end", *words, "--reason", "no")
    assert refused.exit_code == 1
    assert "decide about the order first" in refused.output
    assert run(rows, "attention", "end", *words[:3], "--kind", "x", "--reason", "n").exit_code == 2


def test_another_merchants_matter_is_not_there(rows: Flask, make: Factories) -> None:
    theirs = be_paid_twice(Factories())
    words = (theirs.link.reference, "--merchant", make.shop.slug, "--kind", "surplus")
    assert run(rows, "attention", "end", *words, "--reason", "no").exit_code == 1
    assert len(waiting()) == 1


def test_a_refund_made_by_hand_is_noted(rows: Flask, make: Factories) -> None:
    attempt = be_paid(make)
    words = ("refunds", "note", attempt.link.reference, "--merchant", make.shop.slug)
    refused = run(rows, *words, "--reason", "ill")
    assert refused.exit_code == 1
    assert "ask for a refund instead" in refused.output
    make.change(accounts.active(make.shop), provider="billing")
    assert run(rows, *words, "--reason", "ill", "--amount", "25.01").exit_code == 2
    noted = run(rows, *words, "--reason", "ill", "--amount", "5")
    assert noted.exit_code == 0
    (refund,) = everything(Refund)
    assert (refund.state, refund.reason) == (RefundState.DONE, "by hand: ill")
    assert f"{refund.reference}  DONE  €5.00" in noted.output
