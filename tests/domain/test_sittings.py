"""A sitting is shown to its browser and its merchant, gone on with, left, and over in time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.sitting_down import (
    age,
    decline_for_good,
    everything_told,
    row,
    seconds_ago,
    sit,
    under_way,
)
from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock, references
from webapp.core.errors import (
    InvalidInputError,
    LinkNotPayableError,
    NotFoundError,
    PaymentInFlightError,
    RetriesExhaustedError,
    SessionOverError,
)
from webapp.core.money import Money
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments import (
    closing,
    creations,
    links,
    reviews,
    sessions,
    settlement,
    sittings,
    starts,
)
from webapp.domain.payments.sittings import Holder, Sitting
from webapp.extensions import settings
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession
from webapp.providers.base import Created, ProviderState, Refused

VERBS: list[Callable[[str, Holder], object]] = [
    sittings.get,
    sittings.resume,
    sittings.complete,
    sittings.cancel,
]


def interrupted(make: Factories, attempts_: int = 1) -> tuple[PaymentLink, Sitting, Holder]:
    """Sit down, and see so many payments fail."""
    link = make.link()
    sitting, holder = sit(link)
    for _ in range(attempts_):
        decline_for_good(make.pending(link, token=holder.token))
    return link, sitting, holder


def test_to_sit_down_begins_no_payment(make: Factories) -> None:
    link = make.link()
    sitting, token = sittings.begin(link.code, token=None, buyer_email=None)
    assert (sitting.state, sitting.message) == (SessionState.INITIATED, "Ready to pay")
    assert (sitting.attempt_count, sitting.max_attempts) == (0, 3)
    assert (sitting.link_id, sitting.code, sitting.can_resume) == (link.id, link.code, True)
    assert sitting.reference == sessions.reference_of(token)
    assert timedelta(minutes=14) < sitting.expires_at - clock.now() <= timedelta(minutes=15)
    assert everything(PaymentAttempt) == []
    assert not fresh(link).may_hold_money


def test_a_link_is_named_by_its_id_its_code_or_its_reference(make: Factories) -> None:
    link = make.link()
    for name in (str(link.public_id), link.code, link.code.lower(), link.reference):
        assert sittings.begin(name, token=None, buyer_email=None)[0].link_id == link.id


def test_the_same_browser_is_given_its_open_sitting_again(make: Factories) -> None:
    sitting, holder = sit(make.link())
    assert sittings.begin(sitting.code, token=holder.token, buyer_email=None) == (
        sitting,
        holder.token,
    )
    assert len(everything(PaymentSession)) == 1


def test_nobody_sits_down_where_there_is_nothing_to_pay(make: Factories) -> None:
    for name in ("", "AAAAAAAA", "ORD-NOBODY", make.draft().code, references.token()):
        with pytest.raises(NotFoundError):
            sittings.begin(name, token=None, buyer_email=None)
    canceled, overdue, ending = make.link(), make.link(), make.pending().link
    links.cancel(make.shop, canceled.code, actor="test")
    make.overdue(overdue)
    links.cancel(make.shop, ending.code, actor="test")
    for link in (canceled, overdue, ending):
        with pytest.raises(LinkNotPayableError):
            sittings.begin(link.code, token=None, buyer_email=None)
    assert everything(PaymentSession)[1:] == []


def test_the_tickets_go_where_the_link_says_or_else_the_buyer(make: Factories) -> None:
    theirs, nobodys = make.link(), make.link(buyer_email=None)
    for link in (theirs, nobodys):
        sitting, _ = sittings.begin(link.code, token=None, buyer_email="eve@example.org")
        expected = "eve@example.org" if link is nobodys else None
        assert row(sitting).buyer_email == expected
    with pytest.raises(InvalidInputError):
        sittings.begin(nobodys.code, token=None, buyer_email="no address")


@pytest.mark.parametrize("verb", VERBS)
def test_a_sitting_is_its_browsers_and_its_merchants_and_nobody_elses(
    make: Factories, verb: Callable[[str, Holder], object]
) -> None:
    sitting, holder = sit(make.link())
    _, other_browser = sit(make.link())
    other_shop = make.merchant()
    strangers = [
        Holder(),
        Holder(token=""),
        Holder(token=sitting.reference),
        Holder(merchant=other_shop),
        Holder(other_browser.token, other_shop),
    ]
    for stranger in strangers:
        with pytest.raises(NotFoundError):
            verb(sitting.reference, stranger)
    with pytest.raises(NotFoundError):
        verb("ses-nobody", holder)
    assert sittings.get(sitting.reference, holder) == sitting
    assert sittings.get(sitting.reference, Holder(merchant=make.shop)) == sitting


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("is_swept", [False, True])
def test_a_sitting_is_over_after_its_time_swept_or_not(
    make: Factories, verb: Callable[[str, Holder], object], *, is_swept: bool
) -> None:
    sitting, holder = sit(make.link())
    seconds_ago(make, sitting)
    if is_swept:
        sessions.expire_due()
    with pytest.raises(SessionOverError, match="Session not found"):
        verb(sitting.reference, holder)
    shown = sittings.of_browser(sitting.link_id, holder.token)
    assert shown is not None
    assert (shown.state, shown.can_resume) == (SessionState.EXPIRED, False)


def test_a_sitting_that_was_paid_is_not_over(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    seconds_ago(make, sitting)
    done = sittings.get(sitting.reference, holder)
    assert (done.state, done.message, done.can_resume) == (SessionState.COMPLETED, "Paid", False)
    assert sittings.cancel(sitting.reference, holder) == done
    with pytest.raises(LinkNotPayableError):
        sittings.resume(sitting.reference, holder)


def test_what_a_sitting_says_at_each_step(make: Factories) -> None:
    attempt, sitting, holder = under_way(make, is_open=False)

    def said() -> tuple[SessionState, str, bool]:
        shown = sittings.get(sitting.reference, holder)
        return shown.state, shown.message, shown.can_resume

    assert said() == (SessionState.PROCESSING, "Processing payment...", False)
    age(make, attempt, 31)
    starts.time_out()
    slow = "Payment timeout (attempt 1/3). You can retry or cancel."
    assert said() == (SessionState.INTERRUPTED, slow, True)
    made = Created("chk-1", "https://bank.example/chk-1")
    creations.record(attempt.reference, made, actor="test")
    waiting = "Payment request submitted! Waiting for verification..."
    assert said() == (SessionState.PROCESSING, waiting, True)
    declined = observed(attempt, ProviderState.ATTEMPT_FAILED, checkout_id="chk-1")
    settlement.apply(attempt.reference, declined, actor="test")
    no = "Payment declined (attempt 1/3). Would you like to retry?"
    assert said() == (SessionState.INTERRUPTED, no, True)
    decline_for_good(fresh(attempt))
    for number, state in ((2, SessionState.INTERRUPTED), (3, SessionState.FAILED_MAX_RETRIES)):
        second = make.created(attempt.link, token=holder.token)
        creations.record(second.reference, Refused("no"), actor="test")
        assert said()[0] is state
        if number == 2:
            cut = "Payment not started (attempt 2/3). Would you like to retry?"
            assert said()[1:] == (cut, True)
    over = "Maximum retry attempts exceeded."
    assert said() == (SessionState.FAILED_MAX_RETRIES, over, False)


def test_a_merchant_may_sit_beside_its_buyer_and_the_trail_says_who_it_was(
    make: Factories,
) -> None:
    sitting, _ = sit(make.link())
    beside = Holder(merchant=make.shop, actor="key:abc")
    assert sittings.cancel(sitting.reference, beside).state is SessionState.CANCELED
    other, _ = sit(make.link())
    sittings.cancel(other.reference, replace(beside, actor=None))
    assert {event.actor for event in everything_told("session_canceled")} == {"key:abc", "merchant"}


def test_who_goes_on_while_the_checkout_is_open_is_sent_there_again(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    for _ in range(2):
        resumed = sittings.resume(sitting.reference, holder)
        assert (resumed.url, resumed.was_refused) == (attempt.checkout_url, False)
    assert len(everything(PaymentAttempt)) == 1


def test_who_goes_on_while_a_worker_is_busy_waits(make: Factories) -> None:
    attempt, sitting, holder = under_way(make, is_open=False)
    resumed = sittings.resume(sitting.reference, holder)
    assert (resumed.url, resumed.sitting.state) == (None, SessionState.PROCESSING)
    assert fresh(attempt.link).closing_for is None


def test_who_goes_on_after_a_time_out_has_the_old_attempt_closed_first(make: Factories) -> None:
    attempt, sitting, holder = under_way(make, is_open=False)
    age(make, attempt, 31)
    starts.time_out()
    for _ in range(2):
        resumed = sittings.resume(sitting.reference, holder)
        assert (resumed.url, resumed.sitting.can_resume) == (None, False)
    assert fresh(attempt.link).closing_for == closing.RETRY
    assert len(everything(PaymentAttempt)) == 1


def test_nobody_goes_on_beside_anothers_payment_and_after_a_while_it_is_closed_first(
    make: Factories,
) -> None:
    attempt, _, _ = under_way(make)
    mine, holder = sit(attempt.link)
    assert not mine.can_resume
    with pytest.raises(PaymentInFlightError):
        sittings.resume(mine.reference, holder)
    age(make, attempt, 31)
    assert sittings.get(mine.reference, holder).can_resume
    assert sittings.resume(mine.reference, holder).url is None
    assert fresh(attempt.link).closing_for == closing.RETRY


def test_a_fourth_attempt_is_refused_until_the_sitting_is_over(make: Factories) -> None:
    link, sitting, holder = interrupted(make, 3)
    for verb in (
        lambda: sittings.resume(sitting.reference, holder),
        lambda: sittings.begin(link.code, token=holder.token, buyer_email=None),
    ):
        with pytest.raises(RetriesExhaustedError) as refusal:
            verb()
        assert 0 < refusal.value.wait_s <= settings.session_life_s


def test_nobody_goes_on_at_a_link_that_has_ended(make: Factories) -> None:
    link, sitting, holder = interrupted(make)
    links.cancel(make.shop, link.code, actor="test")
    assert not sittings.get(sitting.reference, holder).can_resume
    with pytest.raises(LinkNotPayableError):
        sittings.resume(sitting.reference, holder)


def test_support_sees_each_attempt_and_why_it_came_to_nothing(make: Factories) -> None:
    link, sitting, holder = interrupted(make)
    second = make.created(link, token=holder.token)
    creations.record(second.reference, Refused("limit reached"), actor="test")
    seconds_ago(make, sitting)
    shown, lines = sittings.summary(sitting.reference, make.shop)
    assert shown.attempt_count == 2
    assert [(line.number, line.state, line.reason) for line in lines] == [
        (1, AttemptState.FAILED, "declined"),
        (2, AttemptState.FAILED, "limit reached"),
    ]
    assert lines[1].reference == second.reference
    assert lines[0].began < lines[1].began
    for reference, merchant in ((sitting.reference, make.merchant()), ("ses-no", make.shop)):
        with pytest.raises(NotFoundError):
            sittings.summary(reference, merchant)


def test_a_merchant_sees_its_own_active_sittings_the_newest_first(make: Factories) -> None:
    first, _ = sit(make.link())
    second, _ = sit(make.link())
    _, over, _ = under_way(make)
    seconds_ago(make, over)
    left, holder = sit(make.link())
    sittings.cancel(left.reference, holder)
    assert sittings.active(make.shop) == [second, first]
    assert sittings.active(make.shop, limit=1) == [second]
    assert sittings.active(make.merchant()) == []


def test_a_browser_without_a_sitting_is_told_of_none(make: Factories) -> None:
    sitting, holder = sit(make.link())
    assert sittings.of_browser(sitting.link_id, holder.token) == sitting
    elsewhere = make.link()
    assert sittings.of_browser(elsewhere.id, holder.token) is None
    for token in (None, "", references.token()):
        assert sittings.of_browser(sitting.link_id, token) is None


def test_money_that_a_person_has_to_accept_first_is_not_called_paid(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    little = paid(attempt, money=Money(1, attempt.currency))
    settlement.apply(attempt.reference, little, actor="test")
    assert fresh(attempt.link).state is LinkState.REVIEW
    waiting = "Payment request submitted! Waiting for verification..."
    for verb in (sittings.get, sittings.complete, sittings.cancel):
        told = verb(sitting.reference, holder)
        assert (told.state, told.message) == (SessionState.PROCESSING, waiting)
        assert not told.can_resume
    seconds_ago(make, sitting)
    assert sittings.get(sitting.reference, holder).state is SessionState.PROCESSING
    reviews.accept(make.shop, attempt.link.code, actor="test")
    assert sittings.get(sitting.reference, holder).message == "Paid"


def test_money_that_nobody_accepted_is_not_called_paid(make: Factories) -> None:
    attempt, sitting, holder = under_way(make)
    little = paid(attempt, money=Money(1, attempt.currency))
    settlement.apply(attempt.reference, little, actor="test")
    reviews.dismiss(make.shop, attempt.link.code, reason="too little", actor="test")
    told = sittings.get(sitting.reference, holder)
    assert (told.state, told.message) == (SessionState.CANCELED, "Payment cancelled")
