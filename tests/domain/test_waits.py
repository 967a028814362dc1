"""Since when a buyer waits: what takes the place of a lost checkout does not begin it anew."""

from datetime import timedelta

from sqlalchemy import func

from tests.factories import Factories, everything
from webapp.core.states import AttemptState
from webapp.domain.payments import attempts, public_status, sittings, starts
from webapp.domain.payments import status as statuses
from webapp.domain.payments.sittings import Holder
from webapp.domain.payments.status_reads import StatusReads
from webapp.domain.transaction import transaction
from webapp.domain.transitions import transition
from webapp.extensions import settings
from webapp.models import PaymentAttempt, PaymentSession

PRESSED_S = 100


def replaced(make: Factories) -> PaymentAttempt:
    """Return what took the place just now of an attempt whose checkout was lost."""
    lost = make.created()
    make.change(lost, created_at=func.now() - timedelta(seconds=PRESSED_S), start_tries=1)
    with transaction():
        lost = attempts.lock_with_link(lost.reference)
        transition(lost, AttemptState.FAILED, actor="test")
        other = attempts.replace(lost)
        assert other is not None
        reference = other.reference
    (found,) = [one for one in everything(PaymentAttempt) if one.reference == reference]
    return found


def test_the_page_goes_on_waiting_where_another_attempt_takes_the_place_of_a_lost_one(
    make: Factories,
) -> None:
    attempt = replaced(make)
    code = attempt.link.code
    reads = StatusReads(settings.database_url)
    for status in (statuses.get(code), reads.get(code)):
        assert status is not None
        assert status.attempt is not None
        assert status.attempt.reference == attempt.reference
        assert PRESSED_S <= status.attempt.waiting_s < PRESSED_S + 60
    reads.close()


def test_what_the_page_offers_after_such_a_wait_is_granted(make: Factories) -> None:
    attempt = replaced(make)
    starts.again(attempt.link.code, None)
    assert statuses.get(attempt.link.code).closing_for == "retry"


def test_programs_are_told_of_the_same_wait(make: Factories) -> None:
    attempt = replaced(make)
    first, _ = everything(PaymentAttempt)
    make.change(first, created_at=func.now() - timedelta(minutes=10))
    assert public_status.get(attempt.link.code).poll_after_s == settings.poll_slow_s
    (session,) = everything(PaymentSession)
    assert sittings.get(session.reference, Holder(merchant=make.shop)).can_resume


def test_another_try_of_the_buyer_begins_a_wait_of_its_own(
    make: Factories,
) -> None:
    attempt = replaced(make)
    make.change(attempt, number=2)
    status = statuses.get(attempt.link.code)
    assert status.attempt is not None
    assert status.attempt.waiting_s < PRESSED_S


def test_whoever_comes_back_waits_since_then(make: Factories) -> None:
    attempt = replaced(make)
    make.change(attempt, returned_at=func.now() - timedelta(seconds=5))
    status = statuses.get(attempt.link.code)
    assert status.attempt is not None
    assert 5 <= status.attempt.waiting_s < PRESSED_S
