"""A refund on its way: asked for once, whatever the provider answers, and read back to its end."""

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.at_fakes import REFUNDING, at_fake
from tests.domain.refunding import (
    Asked,
    age,
    ask,
    due,
    open_alerts,
    open_items,
    run,
    state_of,
    states,
    taken,
    went_back,
)
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.domain.payments import audit
from webapp.models import AttentionItem, Refund


def test_a_refund_without_an_answer_is_read_back_and_found(
    at_bank: AtBank, make: Factories, configure: Configure, asked: Asked
) -> None:
    capture = taken(at_bank)
    configure(provider_timeout_s=1)
    at_bank.script("refund_never", seconds=5)
    refund = ask(make, capture, 500)
    run()
    assert (states(), open_items(), open_alerts()) == (
        ["UNKNOWN"],
        ["refund_unknown"],
        ["refund_unknown"],
    )
    assert audit.run().is_clean
    configure(provider_timeout_s=20)
    due()
    run()
    assert (states(), went_back(capture)) == (["DONE"], [500])
    assert asked == [(refund.reference, 500)], "asked once"
    assert (open_items(), open_alerts()) == ([], [])
    assert audit.run().is_clean


def test_where_the_key_protects_us_a_lost_refund_is_sent_again_once_the_books_lack_it(
    at_bank: AtBank, make: Factories, asked: Asked
) -> None:
    capture = taken(at_bank)
    at_bank.script("refund_lost")
    refund = ask(make, capture)
    run()
    assert states() == ["UNKNOWN"]
    due()
    run()
    assert (states(), len(asked)) == (["UNKNOWN"], 1), "the books were read first"
    due()
    run()
    assert (states(), went_back(capture)) == (["DONE"], [2500])
    assert asked == [(refund.reference, 2500)] * 2
    assert state_of(capture) == ("RETURNED", "REFUNDED")


def test_a_refund_that_gets_lost_again_and_again_ends_as_a_question(
    at_bank: AtBank, make: Factories, asked: Asked
) -> None:
    capture = taken(at_bank)
    at_bank.script("refund_lost", times=100)
    refund = ask(make, capture)
    run()
    for _ in range(20):
        due()
        age(refund, hours=1)
        run()
    assert (states(), went_back(capture), len(asked)) == (["FAILED"], [], 4)
    assert open_items() == ["refund_failed"]
    assert open_alerts() == []
    assert audit.run().is_clean


@pytest.mark.parametrize("provider", ["sumup", "paystack"])
def test_where_nothing_protects_us_a_lost_refund_is_never_sent_again(
    provider: str, make: Factories, configure: Configure, asked: Asked
) -> None:
    with at_fake(provider, make, configure) as shop:
        capture = shop.taken()
        shop.fake.misbehave("refund", "lost")
        refund = ask(make, capture, 500)
        run()
        assert states() == ["UNKNOWN"]
        for _ in range(6):
            due()
            run()
        assert states() == ["UNKNOWN"], "some minutes have to pass as well"
        age(refund, minutes=11)
        due()
        run()
        assert (states(), went_back(capture)) == (["FAILED"], [])
        assert asked == [(refund.reference, 500)]
        assert open_items() == ["refund_failed"]
        (item,) = [one for one in everything(AttentionItem) if one.kind == "refund_failed"]
        assert item.sentence.endswith(
            "was not sent back: it never reached the provider's books. You can ask for it again."
        )
        assert open_alerts() == []
        assert state_of(capture) == ("FULFILS", "PAID")
        assert audit.run().is_clean


def test_a_refund_counts_as_never_made_only_after_four_readable_reads(
    make: Factories, configure: Configure
) -> None:
    with at_fake("sumup", make, configure) as shop:
        capture = shop.taken()
        shop.fake.misbehave("refund", "lost")
        refund = ask(make, capture, 500)
        run()
        age(refund, hours=1)
        shop.fake.misbehave("transaction", "unavailable", times=10, seconds=0)
        seen = []
        for _ in range(13):
            due()
            run()
            seen.append(states())
        assert seen == [["UNKNOWN"]] * 13, "ten unreadable ones, and three without it"
        due()
        run()
        assert states() == ["FAILED"]


@pytest.mark.parametrize("provider", REFUNDING)
@pytest.mark.parametrize("way", ["cut", "crashed", "malformed"])
def test_a_refund_that_was_done_without_an_answer_is_found_whatever_the_provider_keeps(
    provider: str, way: str, make: Factories, configure: Configure, asked: Asked
) -> None:
    with at_fake(provider, make, configure) as shop:
        capture = shop.taken()
        ask(make, capture, 500)
        for _ in range(3):
            due()
            run()
        shop.fake.misbehave("refund", way)
        refund = ask(make, capture, 500) if states() == ["DONE"] else None
        for _ in range(3):
            due()
            run()
        assert went_back(capture) == [500] * (1 if refund is None else 2)
        names = [one.provider_reference for one in everything(Refund)]
        assert len(set(names)) == len(names), "the first one is not taken for the second"
        assert len(asked) == len(names)
        assert set(states()) <= {"DONE", "ACCEPTED"}


def test_a_refund_that_the_provider_takes_its_time_for_is_read_until_it_is_done(
    make: Factories, configure: Configure
) -> None:
    with at_fake("paystack", make, configure) as shop:
        capture = shop.taken()
        ask(make, capture)
        for _ in range(3):
            due()
            run()
        assert (states(), state_of(capture)) == (["ACCEPTED"], ("FULFILS", "PAID"))
        assert open_items() == []
        shop.fake.move_refunds(capture.attempt.reference, status="processed")
        due()
        run()
        assert (states(), state_of(capture)) == (["DONE"], ("RETURNED", "REFUNDED"))
        assert audit.run().is_clean


def test_a_refund_that_fails_after_it_was_accepted_is_a_question(
    make: Factories, configure: Configure
) -> None:
    with at_fake("paystack", make, configure) as shop:
        capture = shop.taken()
        ask(make, capture)
        run()
        shop.fake.move_refunds(capture.attempt.reference, status="failed")
        due()
        run()
        assert (states(), open_items()) == (["FAILED"], ["refund_failed"])
        assert state_of(capture) == ("FULFILS", "PAID")
        ask(make, capture)
        run()
        assert states() == ["FAILED", "ACCEPTED"]


def test_nothing_is_sent_while_the_books_cannot_be_read(
    at_bank: AtBank, make: Factories, asked: Asked
) -> None:
    capture = taken(at_bank)
    at_bank.script("down", seconds=60)
    refund = ask(make, capture)
    run()
    assert (states(), asked) == (["REQUESTED"], [])
    waits = [wait_of(refund)]
    due()
    run()
    waits.append(wait_of(refund))
    assert [round(wait / 15) for wait in waits] == [4, 4], "the bank wants a minute"
    at_bank.script("down", seconds=0)
    due()
    run()
    assert (states(), len(asked)) == (["DONE"], 1)


def wait_of(refund: Refund) -> float:
    """Return in how many seconds a refund is due."""
    at = fresh(refund).next_step_at
    assert at is not None
    return (at - clock.now()).total_seconds()
