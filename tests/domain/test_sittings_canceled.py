"""Whoever cancels ends their own sitting, the link stays, and money that comes is not lost."""

import pytest

from tests.domain.sitting_down import browser, names_of, row, seconds_ago, sit, under_way
from tests.factories import Factories, fresh, paid
from webapp.core.errors import LinkNotPayableError, NotFoundError
from webapp.core.public_status import SESSION_STATUS
from webapp.core.states import LinkState, SessionState
from webapp.domain.payments import audit, closing, sessions, settlement, sittings
from webapp.extensions import queue_redis


def test_to_cancel_leaves_the_link_open_and_has_its_checkout_closed(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    canceled = sittings.cancel(sitting.reference, holder)
    assert (canceled.state, canceled.message) == (SessionState.CANCELED, "Payment cancelled")
    assert SESSION_STATUS[canceled.state] == "CANCELLED"
    assert not canceled.can_resume
    link = fresh(attempt.link)
    assert (link.state, link.closing_for) == (LinkState.OPEN, closing.RETRY)
    assert queue_redis.exists("kick:tasks.payments.expiry")
    names = names_of(link)
    assert sittings.cancel(sitting.reference, holder) == canceled
    assert names_of(link) == names
    with pytest.raises(LinkNotPayableError):
        sittings.resume(sitting.reference, holder)


def test_money_that_comes_after_the_buyer_canceled_is_accepted(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    sittings.cancel(sitting.reference, holder)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert sittings.get(sitting.reference, holder).state is SessionState.COMPLETED
    assert fresh(attempt.link).state is LinkState.PAID
    assert audit.run().is_clean


def test_after_canceling_the_same_browser_begins_anew_at_once(make: Factories) -> None:
    sitting, holder = sit(make.link())
    sittings.cancel(sitting.reference, holder)
    again, token = sittings.begin(sitting.code, token=holder.token, buyer_email=None)
    assert again.reference != sitting.reference
    assert token != holder.token
    assert again.state is SessionState.INITIATED


def test_to_cancel_touches_no_payment_of_another_browser(make: Factories) -> None:
    attempt, sitting, _ = under_way(make)
    mine, holder = sit(attempt.link)
    sittings.cancel(mine.reference, holder)
    assert fresh(attempt.link).closing_for is None
    assert row(sitting).state is SessionState.PROCESSING


def test_the_pages_cancel_ends_this_browsers_sitting_and_no_other(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    link = attempt.link
    for stranger in (None, "", browser(link).token):
        sittings.leave(link.code, stranger)
        assert row(sitting).state is SessionState.PROCESSING
    sittings.leave(link.code, holder.token)
    assert row(sitting).state is SessionState.CANCELED
    assert fresh(link).closing_for == closing.RETRY
    with pytest.raises(NotFoundError):
        sittings.leave("AAAAAAAA", holder.token)


def test_the_pages_cancel_also_closes_what_was_begun_in_a_sitting_that_is_over(
    make: Factories,
) -> None:
    attempt, sitting, holder = under_way(make)
    seconds_ago(make, sitting)
    sessions.expire_due()
    sittings.leave(attempt.link.code, holder.token)
    assert row(sitting).state is SessionState.EXPIRED
    assert fresh(attempt.link).closing_for == closing.RETRY
