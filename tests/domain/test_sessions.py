from datetime import timedelta

import pytest

from tests.factories import Factories, everything, fresh, observed, paid
from webapp.core import clock, references
from webapp.core.errors import RetriesExhaustedError
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.payments import sessions, settlement, trails
from webapp.domain.transaction import TransactionError, lock, transaction
from webapp.extensions import settings
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession
from webapp.providers.base import ProviderState


def sit(link: PaymentLink, token: str | None) -> tuple[PaymentSession, str]:
    with transaction():
        return sessions.start(lock(PaymentLink, PaymentLink.id == link.id), token)


def decline(attempt: PaymentAttempt) -> None:
    settlement.apply(attempt.reference, observed(attempt, ProviderState.FAILED), actor="test")


def test_a_browser_without_a_cookie_gets_a_sitting_and_a_token(make: Factories) -> None:
    session, token = sit(make.link(), None)
    assert session.state is SessionState.INITIATED
    assert session.token_hash == sessions.token_hash(token)
    life = session.expires_at - clock.now()
    assert timedelta(minutes=14) < life <= timedelta(minutes=15)


def test_the_token_itself_is_nowhere_in_the_database(make: Factories) -> None:
    session, token = sit(make.link(), None)
    assert token not in {str(value) for value in vars(session).values()}


def test_a_browser_that_comes_back_has_the_same_sitting(make: Factories) -> None:
    link = make.link()
    session, token = sit(link, None)
    assert sit(link, token) == (session, token)
    assert len(everything(PaymentSession)) == 1


def test_a_sitting_is_only_begun_under_the_lock_of_its_link(make: Factories) -> None:
    link = make.link()
    with transaction(), pytest.raises(TransactionError):
        sessions.start(link, None)


def test_every_browser_has_a_sitting_of_its_own(make: Factories) -> None:
    link = make.link()
    made = [sit(link, None) for _ in range(3)]
    assert len({session.id for session, _ in made}) == len({token for _, token in made}) == 3


def test_a_token_of_another_link_opens_nothing_here(make: Factories) -> None:
    theirs, here = make.link(), make.link()
    _, token = sit(theirs, None)
    session, new_token = sit(here, token)
    assert session.link_id == here.id
    assert new_token != token
    assert not sessions.is_token(here.code, token)


def test_a_made_up_token_becomes_nobodys_token(make: Factories) -> None:
    link = make.link()
    made_up = references.token()
    _, token = sit(link, made_up)
    assert token != made_up
    assert not sessions.is_token(link.code, made_up)


def test_a_token_that_came_with_the_page_is_the_sittings(make: Factories) -> None:
    link = make.link()
    given = sessions.new_token(link.code)
    session, token = sit(link, given)
    assert token == given
    assert session.token_hash == sessions.token_hash(given)


def test_only_who_began_the_payment_is_paying_and_only_who_paid_has_paid(make: Factories) -> None:
    link = make.link()
    gave_up, paying = sessions.new_token(link.code), sessions.new_token(link.code)
    decline(make.pending(link, token=gave_up))
    attempt = make.pending(link, token=paying)
    assert sessions.is_paying(link.id, paying)
    assert not any(sessions.is_paying(link.id, token) for token in (gave_up, None, ""))
    assert not sessions.has_paid(link.id, paying)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert sessions.has_paid(link.id, paying)
    assert not any(sessions.has_paid(link.id, token) for token in (gave_up, None, ""))


@pytest.mark.parametrize("state", [SessionState.COMPLETED, SessionState.EXPIRED])
def test_a_sitting_that_is_over_makes_place_for_a_new_one(
    make: Factories, state: SessionState
) -> None:
    link = make.link()
    session, token = sit(link, None)
    make.change(session, state=state)
    again, new_token = sit(link, token)
    assert again.id != session.id
    assert new_token != token


def test_a_sitting_past_its_time_is_over_before_the_sweep_says_so(make: Factories) -> None:
    link = make.link()
    session, token = sit(link, None)
    make.change(session, expires_at=clock.now() - timedelta(seconds=1))
    again, _ = sit(link, token)
    assert again.id != session.id
    assert fresh(session).state is SessionState.INITIATED


def use_up(make: Factories, link: PaymentLink, token: str) -> None:
    for _ in range(settings.session_max_attempts):
        decline(make.pending(link, token=token))


def test_three_attempts_are_one_sitting_and_the_third_ends_it(make: Factories) -> None:
    link = make.link()
    session, token = sit(link, None)
    after = [SessionState.INTERRUPTED, SessionState.INTERRUPTED, SessionState.FAILED_MAX_RETRIES]
    for number, state in enumerate(after, start=1):
        attempt = make.pending(link, token=token)
        assert (attempt.session_id, attempt.number) == (session.id, number)
        decline(attempt)
        assert (fresh(session).attempt_count, session.state) == (number, state)
    names = [event.name for event in trails.of_link(link)]
    assert names.count("payment_interrupted") == 3
    assert names.count("retries_exhausted") == 1


def test_who_has_used_all_attempts_waits_until_the_sitting_is_over(make: Factories) -> None:
    link = make.link()
    session, token = sit(link, None)
    use_up(make, link, token)
    with pytest.raises(RetriesExhaustedError) as refusal:
        sit(link, token)
    assert 890 < refusal.value.wait_s <= 900
    make.change(session, expires_at=clock.now())
    again, new_token = sit(link, token)
    assert (again.id != session.id, new_token != token) == (True, True)
    assert make.pending(link, token=new_token).number == 1


def test_another_browser_may_go_on_where_one_has_used_all_attempts(make: Factories) -> None:
    link = make.link()
    use_up(make, link, sessions.new_token(link.code))
    assert make.pending(link).session.attempt_count == 1


def test_a_third_attempt_that_was_slow_ends_the_sitting_only_when_it_ends(
    make: Factories,
) -> None:
    link = make.link()
    _, token = sit(link, None)
    for _ in range(2):
        decline(make.pending(link, token=token))
    third = make.pending(link, token=token)
    said = observed(third, ProviderState.ATTEMPT_FAILED)
    settlement.apply(third.reference, said, actor="test")
    session = fresh(third.session)
    assert (session.state, session.interruption) == (SessionState.INTERRUPTED, "declined")
    settlement.apply(third.reference, observed(third, ProviderState.CLOSED), actor="test")
    assert fresh(session).state is SessionState.FAILED_MAX_RETRIES
    settlement.apply(third.reference, paid(third), actor="test")
    assert fresh(session).state is SessionState.COMPLETED


def test_a_declined_card_interrupts_the_sitting_and_may_still_pay(make: Factories) -> None:
    attempt = make.pending()
    said = observed(attempt, ProviderState.ATTEMPT_FAILED, reason="no money")
    for _ in range(2):
        settlement.apply(attempt.reference, said, actor="test")
    session = fresh(attempt.session)
    assert (session.state, session.interruption) == (SessionState.INTERRUPTED, "declined")
    assert (fresh(attempt).state, attempt.link.may_hold_money) == (AttemptState.PENDING, True)
    names = [event.name for event in trails.of_link(attempt.link)]
    assert (names.count("payment_declined"), names.count("payment_interrupted")) == (1, 1)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(session).state is SessionState.COMPLETED
    assert fresh(attempt.link).state is LinkState.PAID


def test_a_sitting_that_is_over_completes_when_the_money_comes(make: Factories) -> None:
    attempt = make.pending()
    make.change(attempt.session, expires_at=clock.now())
    assert sessions.expire_due() == 1
    assert fresh(attempt.session).state is SessionState.EXPIRED
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(attempt.session).state is SessionState.COMPLETED
    assert fresh(attempt.link).state is LinkState.PAID
    named = {event.subject: event.name for event in trails.of_link(attempt.link)}
    assert named[attempt.session.reference] == "paid_late"


def test_a_sittings_reference_is_known_before_it_begins(make: Factories) -> None:
    link = make.link()
    token = sessions.new_token(link.code)
    promised = sessions.reference_of(token)
    session, _ = sit(link, token)
    assert session.reference == promised
    assert token not in promised


def test_an_interrupted_sitting_says_why_and_goes_on(make: Factories) -> None:
    link = make.link()
    session, token = sit(link, None)
    decline(make.pending(link, token=token))
    assert (fresh(session).state, session.interruption) == (SessionState.INTERRUPTED, "declined")
    make.pending(link, token=token)
    assert fresh(session).state is SessionState.PROCESSING
