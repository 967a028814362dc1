import pytest

from tests.factories import Factories, everything, fresh, paid
from webapp.core import clock
from webapp.core.errors import InvalidTransitionError
from webapp.core.states import CaptureState, LinkState, SessionState
from webapp.domain.payments import settlement, trails
from webapp.domain.transaction import TransactionError, lock, transaction
from webapp.domain.transitions import record, transition
from webapp.models import Capture, PaymentEvent, PaymentLink, PaymentSession


def test_a_step_leaves_one_row_that_says_what_happened(make: Factories) -> None:
    link = make.link()
    before = link.version
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        transition(locked, LinkState.EXPIRED, actor="sweep:expiry", reason="time", places=None)
        locked.ended_at = clock.now()

    event = everything(PaymentEvent)[-1]
    assert fresh(link).state is LinkState.EXPIRED
    assert (event.link_id, event.version) == (link.id, link.version)
    assert link.version == before + 1
    assert (event.name, event.actor, event.subject) == (
        "link_expired",
        "sweep:expiry",
        link.reference,
    )
    assert (event.from_state, event.to_state) == (LinkState.OPEN, LinkState.EXPIRED)
    assert event.detail == {"reason": "time", "places": None}


def test_a_step_of_a_session_is_told_in_the_trail_of_its_link(make: Factories) -> None:
    attempt = make.pending()
    link, session = attempt.link, attempt.session
    before = link.version
    with transaction():
        lock(PaymentLink, PaymentLink.id == link.id)
        locked = lock(PaymentSession, PaymentSession.id == session.id)
        transition(locked, SessionState.EXPIRED, actor="test")

    event = trails.of_link(link)[-1]
    assert fresh(link).version == before + 1 == event.version
    assert (event.name, event.subject) == ("session_expired", session.reference)


def test_a_hidden_step_leaves_no_row_and_no_version(make: Factories) -> None:
    attempt = make.pending()
    link = attempt.link
    settlement.apply(attempt.reference, paid(attempt), actor="test")

    (capture,) = everything(Capture)
    assert capture.state is CaptureState.FULFILS
    assert "capture_fulfils" not in [event.name for event in trails.of_link(link)]
    assert fresh(link).version == 1 + len(trails.of_link(link))


def test_a_step_that_the_tables_do_not_have_is_refused_and_changes_nothing(
    make: Factories,
) -> None:
    link = make.link()
    before = link.version

    def go_back() -> None:
        with transaction():
            locked = lock(PaymentLink, PaymentLink.id == link.id)
            transition(locked, LinkState.DRAFT, actor="test")

    with pytest.raises(InvalidTransitionError, match="OPEN to DRAFT"):
        go_back()
    assert (fresh(link).state, link.version) == (LinkState.OPEN, before)
    assert len(trails.of_link(link)) == before - 1


def test_a_step_of_a_session_needs_the_lock_of_the_link(make: Factories) -> None:
    session = make.pending().session

    def expire() -> None:
        with transaction():
            locked = lock(PaymentSession, PaymentSession.id == session.id)
            transition(locked, SessionState.EXPIRED, actor="test")

    with pytest.raises(TransactionError, match="without its lock"):
        expire()
    assert fresh(session).state is SessionState.PROCESSING


def test_what_is_recorded_is_told_like_a_step_and_moves_nothing(make: Factories) -> None:
    link = make.link()
    before = link.version
    with transaction():
        locked = lock(PaymentLink, PaymentLink.id == link.id)
        record(locked, "closing_begun", actor="test", reason="cancel")
        record(locked, "payment_declined", actor="test", subject="att-1")

    first, second = trails.of_link(link)[-2:]
    assert (first.name, first.subject, first.version) == (
        "closing_begun",
        link.reference,
        before + 1,
    )
    assert (second.subject, second.version) == ("att-1", before + 2)
    assert first.from_state is first.to_state is None
    assert (fresh(link).state, link.version) == (LinkState.OPEN, before + 2)


def test_the_trail_of_a_whole_payment_has_no_gap_and_no_double(make: Factories) -> None:
    attempt = make.pending()
    settlement.apply(attempt.reference, paid(attempt), actor="test")

    events = trails.of_link(attempt.link)
    assert [event.version for event in events] == list(range(2, fresh(attempt.link).version + 1))
    assert [event.name for event in events] == [
        "link_made",
        "link_opened",
        "payment_started",
        "checkout_opened",
        "payment_confirmed",
        "attempt_succeeded",
        "session_completed",
    ]
