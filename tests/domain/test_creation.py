"""What becomes of a request for a checkout, as the provider's answer tells it."""

from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments import (
    attempts,
    audit,
    closing,
    creations,
    links,
    settlement,
    trails,
)
from webapp.domain.transaction import lock, transaction
from webapp.extensions import queue_redis
from webapp.models import AttentionItem, PaymentAttempt, PaymentLink
from webapp.providers.base import Created, Creation, ProviderState, Refused, Unanswered

MADE = Created("chk-1", "https://bank.example/chk-1")


def record(attempt: PaymentAttempt, creation: Creation) -> str | None:
    return creations.record(attempt.reference, creation, actor="test")


def miss(attempt: PaymentAttempt) -> None:
    creations.note_missing(attempt.reference, actor="test")


def age(make: Factories, attempt: PaymentAttempt, seconds: float) -> None:
    make.change(attempt, created_at=clock.now() - timedelta(seconds=seconds))


def test_a_made_checkout_is_open_and_read_soon(make: Factories) -> None:
    attempt = make.created()
    assert record(attempt, MADE) == MADE.url
    assert (fresh(attempt).state, attempt.checkout_id) == (AttemptState.PENDING, "chk-1")
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= clock.now() + timedelta(seconds=5)


def test_the_same_answer_twice_changes_nothing_more(make: Factories) -> None:
    attempt = make.created()
    record(attempt, MADE)
    before = fresh(attempt.link).version, fresh(attempt).next_check_at
    assert record(attempt, MADE) == MADE.url
    assert (fresh(attempt.link).version, fresh(attempt).next_check_at) == before


def test_two_threads_with_the_same_answer_open_one_checkout(make: Factories, app: Flask) -> None:
    attempt = make.created()
    side_by_side(app, [partial(record, attempt, MADE)] * 6)
    names = [event.name for event in trails.of_link(attempt.link)]
    assert names.count("checkout_opened") == 1


def test_a_second_checkout_of_one_attempt_is_shown_to_a_person_and_not_to_the_buyer(
    make: Factories,
) -> None:
    attempt = make.created()
    record(attempt, MADE)
    for _ in range(2):
        assert record(attempt, Created("chk-2", "https://bank.example/chk-2")) == MADE.url
    assert (fresh(attempt).checkout_id, attempt.checkout_url) == ("chk-1", MADE.url)
    (item,) = everything(AttentionItem)
    assert (item.kind, item.subject, item.sight) == ("mismatch", attempt.reference, "chk-2")


def test_a_refused_request_ends_the_attempt_and_the_buyer_may_try_again(make: Factories) -> None:
    attempt = make.created()
    assert record(attempt, Refused("not today" * 100)) is None
    assert fresh(attempt).state is AttemptState.FAILED
    assert not fresh(attempt.link).may_hold_money
    session = fresh(attempt.session)
    assert (session.state, session.interruption) == (SessionState.INTERRUPTED, "refused")
    assert make.pending(attempt.link).is_current


def test_a_refusal_after_a_read_has_found_the_checkout_changes_nothing(make: Factories) -> None:
    attempt = make.pending()
    record(attempt, Refused("too late"))
    assert fresh(attempt).state is AttemptState.PENDING
    assert fresh(attempt.link).may_hold_money


def test_no_answer_means_nothing_but_that_somebody_has_to_ask(make: Factories) -> None:
    attempt = make.created()
    assert record(attempt, Unanswered("timed out")) is None
    assert fresh(attempt).state is AttemptState.CREATED
    assert fresh(attempt.link).may_hold_money
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= clock.now()
    assert queue_redis.exists(f"check:{attempt.reference}")


def test_an_answer_after_the_money_changes_nothing(make: Factories) -> None:
    attempt = make.created()
    settlement.apply(attempt.reference, paid(attempt, checkout_id="chk-1"), actor="test")
    version = fresh(attempt.link).version
    for late in (MADE, Unanswered("timed out"), Refused("no")):
        record(attempt, late)
    assert fresh(attempt).state is AttemptState.SUCCEEDED
    assert (fresh(attempt.link).state, attempt.link.version) == (LinkState.PAID, version)
    assert audit.run().is_clean


def test_a_read_that_comes_before_our_answer_is_stored_opens_the_checkout(
    make: Factories,
) -> None:
    attempt = make.created()
    said = observed(attempt, ProviderState.OPEN, checkout_id="chk-1", checkout_url=MADE.url)
    assert settlement.apply(attempt.reference, said, actor="test") is settlement.Outcome.OPENED
    assert (fresh(attempt).state, attempt.checkout_url) == (AttemptState.PENDING, MADE.url)
    version = fresh(attempt.link).version
    assert record(attempt, MADE) == MADE.url
    assert fresh(attempt.link).version == version


def test_never_made_needs_a_minute_and_two_reads(make: Factories) -> None:
    attempt = make.created()
    miss(attempt)
    miss(attempt)
    assert fresh(attempt).state is AttemptState.CREATED
    age(make, attempt, 45)
    miss(attempt)
    assert fresh(attempt).state is AttemptState.CREATED
    age(make, attempt, 61)
    miss(attempt)
    assert fresh(attempt).state is AttemptState.FAILED
    assert not fresh(attempt.link).may_hold_money
    assert fresh(attempt.session).state is SessionState.INTERRUPTED


def test_one_read_is_not_enough_however_old_the_attempt_is(make: Factories) -> None:
    attempt = make.created()
    age(make, attempt, 3600)
    miss(attempt)
    assert fresh(attempt).state is AttemptState.CREATED
    miss(attempt)
    assert fresh(attempt).state is AttemptState.FAILED


def test_a_checkout_that_was_there_and_is_missing_now_proves_nothing(make: Factories) -> None:
    attempt = make.pending()
    age(make, attempt, 3600)
    for _ in range(3):
        miss(attempt)
    assert (fresh(attempt).state, attempt.missing_count) == (AttemptState.PENDING, 0)
    assert fresh(attempt.link).may_hold_money


def test_a_checkout_that_turns_up_after_it_counted_as_never_made_still_takes_money(
    make: Factories,
) -> None:
    attempt = make.created()
    age(make, attempt, 3600)
    miss(attempt)
    miss(attempt)
    second = make.pending(attempt.link)

    settlement.apply(attempt.reference, paid(attempt), actor="test")

    assert fresh(attempt).state is AttemptState.SUCCEEDED
    assert fresh(attempt.link).state is LinkState.PAID
    assert (fresh(second).state, attempt.link.may_hold_money) == (AttemptState.PENDING, True)
    assert audit.run().is_clean


def test_coming_back_from_the_provider_proves_nothing_and_asks_for_a_read(
    make: Factories,
) -> None:
    attempt = make.pending()
    attempts.note_return(attempt.link_id)
    first = fresh(attempt).returned_at
    assert first is not None
    assert attempt.state is AttemptState.PENDING
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= clock.now()
    attempts.note_return(attempt.link_id)
    assert fresh(attempt).returned_at == first


def test_a_name_means_one_attempt_or_all_of_a_link(make: Factories) -> None:
    link = make.link()
    first = make.created(link)
    record(first, Refused("no"))
    second = make.created(link)
    make.created()
    assert attempts.named(first.reference) == [first.reference]
    for name in (link.reference, link.code, link.code.lower()):
        assert attempts.named(name) == [first.reference, second.reference]
    with pytest.raises(NotFoundError):
        attempts.named("ORD-NOBODY")


@pytest.mark.parametrize("answer", [Refused("no"), None])
def test_a_checkout_that_was_given_up_and_is_there_after_all_can_be_paid_again(
    make: Factories, answer: Creation | None
) -> None:
    attempt = make.created()
    if answer is not None:
        creations.record(attempt.reference, answer, actor="test")
    else:
        make.change(attempt, created_at=clock.now() - timedelta(minutes=5))
        for _ in range(2):
            creations.note_missing(attempt.reference, actor="test")
    assert (fresh(attempt).state, attempt.link.may_hold_money) == (AttemptState.FAILED, False)
    said = observed(attempt, ProviderState.OPEN, checkout_id="chk-found")
    settlement.apply(attempt.reference, said, actor="test")
    assert (fresh(attempt).state, fresh(attempt.link).may_hold_money) == (
        AttemptState.PENDING,
        True,
    )
    assert fresh(attempt.session).state is SessionState.PROCESSING
    assert audit.run().is_clean


def test_a_checkout_that_is_found_after_its_link_has_ended_is_only_watched(make: Factories) -> None:
    attempt = make.created()
    creations.record(attempt.reference, Refused("no"), actor="test")
    links.cancel(make.shop, attempt.link.code, actor="test")
    said = observed(attempt, ProviderState.OPEN, checkout_id="chk-found")
    settlement.apply(attempt.reference, said, actor="test")
    assert fresh(attempt).state is AttemptState.FAILED
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(attempt.link).state is LinkState.PAID
    assert audit.run().is_clean


@pytest.mark.parametrize("reason", [closing.RETRY, closing.CANCEL])
def test_nobody_is_sent_to_a_checkout_that_is_being_closed(make: Factories, reason: str) -> None:
    attempt = make.created()
    now = clock.now()
    make.change(attempt.link, closing_for=reason, closing_since=now, closing_due_at=now)
    assert record(attempt, MADE) is None
    assert (fresh(attempt).state, attempt.checkout_url) == (AttemptState.PENDING, MADE.url)


def test_nobody_is_sent_to_pay_a_second_time_what_was_paid_meanwhile(make: Factories) -> None:
    first = make.pending()
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == first.link_id)
        attempts.let_go(link, [first.reference], actor="test")
    second = make.created(first.link)
    settlement.apply(first.reference, paid(first), actor="test")
    assert fresh(first.link).state is LinkState.PAID
    assert record(second, MADE) is None
    assert fresh(second).state is AttemptState.PENDING
