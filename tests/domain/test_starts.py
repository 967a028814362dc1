"""A checkout that does not come is given up in time, and one is left for another only closed."""

from datetime import timedelta

import pytest

from tasks import payments as tasks
from tests.conftest import Configure
from tests.domain.sitting_down import age, names_of, state_of
from tests.factories import Factories, fresh, observed, paid
from tests.web.statements import statements
from webapp import jobs
from webapp.core import clock
from webapp.core.errors import LinkNotPayableError, NotFoundError, PaymentInFlightError
from webapp.core.states import AccountState, AttemptState, SessionState
from webapp.domain.payments import (
    attempts,
    check_leases,
    closing,
    creations,
    expiry,
    links,
    sessions,
    settlement,
    sittings,
    starts,
    verification,
)
from webapp.extensions import queue_redis
from webapp.models import PaymentAttempt
from webapp.providers.base import Created, ProviderState, Refused

MADE = Created("chk-1", "https://bank.example/chk-1")
SLOW = (SessionState.INTERRUPTED, "timeout")
UNDER_WAY = (SessionState.PROCESSING, None)


def begun(make: Factories) -> tuple[PaymentAttempt, str]:
    """Begin an attempt whose browser we are, and whose checkout is open."""
    link = make.link()
    token = sessions.new_token(link.code)
    return make.pending(link, token=token), token


def missed(make: Factories, attempt: PaymentAttempt | None = None) -> PaymentAttempt:
    """Let a read not find an attempt that was begun some seconds ago."""
    attempt = attempt or make.created()
    creations.note_missing(attempt.reference, actor="test")
    age(make, attempt, 10)
    return attempt


def taken(attempt: PaymentAttempt) -> bool:
    """Lease what is due; say whether this attempt may be asked for once more."""
    due = clock.now() - timedelta(seconds=1)
    Factories().change(attempt, next_check_at=due, check_lease_until=None, check_lease_token=None)
    checks = check_leases.take_due(limit=10, rooms={})
    (check,) = [check for check in checks if check.reference == attempt.reference]
    return check.may_ask


def test_a_start_of_more_than_thirty_seconds_is_a_time_out_and_the_attempt_stays(
    make: Factories,
) -> None:
    attempt = make.created()
    age(make, attempt, 15)
    assert starts.time_out() == 0
    assert state_of(attempt) == UNDER_WAY
    age(make, attempt, 31)
    assert [starts.time_out() for _ in range(2)] == [1, 0]
    assert state_of(attempt) == SLOW
    assert (fresh(attempt).state, attempt.link.may_hold_money) == (AttemptState.CREATED, True)
    assert names_of(attempt.link).count("payment_interrupted") == 1


def test_a_checkout_that_is_there_is_not_timed_out(make: Factories) -> None:
    attempt = make.pending()
    age(make, attempt, 600)
    assert starts.time_out() == 0
    assert state_of(attempt) == UNDER_WAY


def test_the_time_counts_from_the_first_attempt_whose_place_another_has_taken(
    make: Factories,
) -> None:
    first = make.created()
    age(make, first, 31)
    make.change(first, state=AttemptState.EXPIRED, is_current=False)
    second = make.created(first.link)
    make.change(second, session_id=first.session_id, number=first.number)
    assert starts.time_out() == 1
    assert state_of(first) == SLOW


def test_a_checkout_that_comes_after_the_time_out_is_gone_on_with(make: Factories) -> None:
    attempt = make.created()
    age(make, attempt, 31)
    starts.time_out()
    assert creations.record(attempt.reference, MADE, actor="test") == MADE.url
    assert state_of(attempt) == UNDER_WAY
    assert names_of(attempt.link)[-2:] == ["checkout_opened", "payment_resumed"]
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(attempt.session).state is SessionState.COMPLETED


def test_a_checkout_that_a_read_finds_after_the_time_out_is_gone_on_with(
    make: Factories,
) -> None:
    attempt = make.created()
    age(make, attempt, 31)
    starts.time_out()
    said = observed(attempt, ProviderState.OPEN, checkout_id="chk-1")
    settlement.apply(attempt.reference, said, actor="test")
    assert state_of(attempt) == UNDER_WAY


def test_a_checkout_that_comes_while_its_buyer_tries_again_is_closed_and_not_gone_on_with(
    make: Factories,
) -> None:
    attempt = make.created()
    age(make, attempt, 31)
    starts.time_out()
    starts.again(attempt.link.code, None)
    creations.record(attempt.reference, MADE, actor="test")
    assert state_of(attempt) == SLOW
    assert fresh(attempt).state is AttemptState.PENDING
    assert fresh(attempt.link).closing_for == closing.RETRY


def test_the_same_answer_again_does_not_end_an_interruption_by_the_bank(make: Factories) -> None:
    attempt = make.created()
    creations.record(attempt.reference, MADE, actor="test")
    said = observed(attempt, ProviderState.ATTEMPT_FAILED, checkout_id="chk-1")
    settlement.apply(attempt.reference, said, actor="test")
    creations.record(attempt.reference, MADE, actor="test")
    assert state_of(attempt) == (SessionState.INTERRUPTED, "declined")


def test_nobody_leaves_a_payment_that_has_just_begun(make: Factories) -> None:
    attempt, token = begun(make)
    for whoever in (None, "", token, sessions.new_token(attempt.link.code)):
        with pytest.raises(PaymentInFlightError):
            starts.again(attempt.link.code, whoever)
    assert fresh(attempt.link).closing_for is None


def test_everybody_may_leave_a_payment_after_thirty_seconds(make: Factories) -> None:
    attempt, _ = begun(make)
    age(make, attempt, 31)
    starts.again(attempt.link.code, None)
    assert fresh(attempt.link).closing_for == closing.RETRY
    assert queue_redis.exists("kick:tasks.payments.expiry")


def test_whoever_has_just_come_back_from_the_bank_is_given_the_same_time(make: Factories) -> None:
    attempt, token = begun(make)
    age(make, attempt, 600)
    make.change(attempt, returned_at=clock.now())
    with pytest.raises(PaymentInFlightError):
        starts.again(attempt.link.code, token)


def test_the_buyers_own_browser_may_leave_it_once_it_was_interrupted(make: Factories) -> None:
    attempt, token = begun(make)
    said = observed(attempt, ProviderState.ATTEMPT_FAILED)
    settlement.apply(attempt.reference, said, actor="test")
    with pytest.raises(PaymentInFlightError):
        starts.again(attempt.link.code, sessions.new_token(attempt.link.code))
    starts.again(attempt.link.code, token)
    assert fresh(attempt.link).closing_for == closing.RETRY


def test_while_the_old_attempt_is_being_closed_nothing_begins_and_nothing_more_is_marked(
    make: Factories,
) -> None:
    attempt, token = begun(make)
    age(make, attempt, 31)
    starts.again(attempt.link.code, token)
    names = names_of(attempt.link)
    starts.again(attempt.link.code, token)
    assert names_of(attempt.link) == names
    with pytest.raises(LinkNotPayableError):
        make.created(attempt.link, token=token)


def test_where_nothing_is_in_flight_try_again_changes_nothing(make: Factories) -> None:
    attempt = make.created()
    creations.record(attempt.reference, Refused("no"), actor="test")
    paid_for, _ = begun(make)
    settlement.apply(paid_for.reference, paid(paid_for), actor="test")
    for link in (make.link(), attempt.link, paid_for.link):
        starts.again(link.code, None)
        assert fresh(link).closing_for is None


def test_a_link_that_is_being_canceled_stays_so_when_its_buyer_tries_again(
    make: Factories,
) -> None:
    attempt, token = begun(make)
    age(make, attempt, 31)
    links.cancel(make.shop, attempt.link.code, actor="test")
    starts.again(attempt.link.code, token)
    assert fresh(attempt.link).closing_for == closing.CANCEL


def test_nobody_delays_the_end_of_a_link_by_trying_again(make: Factories) -> None:
    attempt, token = begun(make)
    age(make, attempt, 31)
    make.overdue(attempt.link)
    starts.again(attempt.link.code, None)
    sittings.leave(attempt.link.code, token)
    assert fresh(attempt.link).closing_for is None
    assert expiry._mark_overdue(10) == 1


def test_there_is_no_way_to_leave_what_is_not_there(make: Factories) -> None:
    for code in ("AAAAAAAA", make.draft().code):
        with pytest.raises(NotFoundError):
            starts.again(code, None)


def test_a_closing_goes_on_at_once_when_what_it_waits_for_has_ended(make: Factories) -> None:
    attempt, _ = begun(make)
    age(make, attempt, 31)
    starts.again(attempt.link.code, None)
    make.change(attempt.link, closing_due_at=clock.now() + timedelta(seconds=15))
    said = observed(attempt, ProviderState.CLOSED)
    settlement.apply(attempt.reference, said, actor="test")
    due = fresh(attempt.link).closing_due_at
    assert due is not None
    assert due <= clock.now()
    assert state_of(attempt) == SLOW


def test_a_try_is_counted_before_the_provider_is_asked(make: Factories) -> None:
    attempt = missed(make)
    assert (fresh(attempt).start_tries, taken(attempt)) == (1, True)
    # This worker dies now. The next one reads first, for it may have been made.
    assert (fresh(attempt).start_tries, taken(attempt)) == (2, False)
    missed(make, attempt)
    assert (fresh(attempt).start_tries, taken(attempt)) == (2, True)
    missed(make, attempt)
    assert (fresh(attempt).start_tries, taken(attempt)) == (3, False)


def test_nothing_is_asked_for_again_that_no_read_has_missed(make: Factories) -> None:
    attempt = make.created()
    age(make, attempt, 10)
    assert not taken(attempt)
    assert fresh(attempt).start_tries == 1


def test_what_no_provider_was_asked_for_is_asked_for_at_once(make: Factories) -> None:
    attempt = make.created()
    creations.leave_to_a_worker(attempt.reference)
    assert fresh(attempt).start_tries == 0
    assert queue_redis.exists(f"check:{attempt.reference}")
    assert taken(attempt)
    assert fresh(attempt).start_tries == 1


@pytest.mark.parametrize("seconds", [1, 31])
def test_nothing_is_asked_for_again_too_soon_or_after_the_time_out(
    make: Factories, configure: Configure, seconds: float
) -> None:
    configure(start_pause_s=15)
    attempt = missed(make)
    age(make, attempt, seconds)
    assert not taken(attempt)


@pytest.mark.parametrize("reason", [closing.RETRY, closing.CANCEL])
def test_nothing_is_asked_for_again_while_its_link_is_being_closed(
    make: Factories, reason: str
) -> None:
    attempt = missed(make)
    now = clock.now()
    make.change(attempt.link, closing_for=reason, closing_since=now, closing_due_at=now)
    assert not taken(attempt)


def test_how_many_are_due_costs_no_more_questions(make: Factories) -> None:
    def ask(count: int) -> int:
        due = clock.now() - timedelta(seconds=1)
        for _ in range(count):
            make.change(make.pending(), next_check_at=due)
        with statements() as seen:
            assert len(check_leases.take_due(limit=50, rooms={})) == count
        return len(seen)

    assert ask(6) == ask(1)


def test_nothing_is_asked_for_again_at_an_account_that_takes_no_payments(
    make: Factories,
) -> None:
    attempt = missed(make)
    make.change(attempt.provider_account, state=AccountState.DISCONNECTING)
    assert not taken(attempt)


def test_a_read_by_hand_never_asks_again(make: Factories) -> None:
    attempt = missed(make)
    check = check_leases.take(attempt.reference)
    assert check is not None
    assert not check.may_ask


def test_after_a_read_that_found_nothing_the_next_step_is_two_seconds_away(
    make: Factories,
) -> None:
    attempt = missed(make)
    assert starts.await_next(0) is False
    make.change(attempt, next_check_at=clock.now() + timedelta(seconds=1))
    assert starts.await_next(0) is True
    age(make, attempt, 31)
    assert starts.await_next(0) is False


def test_no_job_that_waits_is_kept_waiting_by_a_start(make: Factories) -> None:
    attempt = missed(make)
    make.change(attempt, next_check_at=clock.now() + timedelta(seconds=1))
    assert verification._is_worth_waiting()
    jobs.check("att-of-somebody-else")
    assert not verification._is_worth_waiting()


def test_the_job_of_verification_tells_buyers_whose_checkout_does_not_come(
    make: Factories,
) -> None:
    attempt = make.created()
    age(make, attempt, 31)
    tasks.verification()
    assert state_of(attempt) == SLOW


def test_only_one_of_two_who_time_it_out_does(make: Factories) -> None:
    attempt = make.created()
    age(make, attempt, 31)
    assert starts._interrupt(attempt.reference)
    assert not starts._interrupt(attempt.reference)
    assert attempts.current(attempt.link) is not None
