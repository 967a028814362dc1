import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event

from tests.conftest import Configure
from tests.domain.mailing import (
    Moment,
    lapse,
    make_due,
    open_items,
    promised,
    received,
    send_due,
    wait_s,
)
from tests.domain.side_by_side import meanwhile, side_by_side
from tests.factories import Factories, everything, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import Fault, serving
from webapp.core import clock
from webapp.core.states import EmailState
from webapp.domain.messages import emails
from webapp.domain.messages.emails import Lease, Letter
from webapp.extensions import db
from webapp.models import EmailMessage

HANGS_UP = {"MESSAGE": Fault.DROP}


def test_four_senders_side_by_side_send_twenty_messages_once(
    make: Factories, configure: Configure, app: Flask
) -> None:
    messages = [promised(make) for _ in range(20)]
    with serving() as server:
        configure(mail_url=url_of(server))
        tried = side_by_side(app, [send_due] * 4)
    assert sum(tried) == 20
    assert {fresh(message).state for message in messages} == {EmailState.SENT}
    assert sorted(arrived["Message-ID"] for arrived in received(server)) == sorted(
        f"<{message.reference}@tillgate.example>" for message in messages
    )


def test_a_doubtful_message_is_repeated_once_after_its_time_with_the_same_id(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving(HANGS_UP) as server:
        configure(mail_url=url_of(server), mail_repeat_after_s=600)
        send_due()
        assert fresh(message).state is EmailState.DOUBTFUL
        assert wait_s(message) == pytest.approx(600, abs=15)
        assert send_due() == 0
        server.script = {}
        make_due(make, message)
        assert send_due() == 1
        make_due(make, message)
        assert send_due() == 0
    assert fresh(message).state is EmailState.SENT
    assert message.repeats == 1
    first, second = received(server)
    assert first["Message-ID"] == second["Message-ID"] == f"<{message.reference}@tillgate.example>"
    assert open_items(message) == []


def test_a_message_that_is_doubtful_twice_waits_for_a_person(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving(HANGS_UP) as server:
        configure(mail_url=url_of(server))
        for _ in range(4):
            send_due()
            make_due(make, message)
    assert len(server.taken) == 2
    assert fresh(message).state is EmailState.DOUBTFUL
    assert open_items(message) == ["message_doubtful"]


def test_a_repeat_that_was_not_delivered_is_no_repeat(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving(HANGS_UP) as server:
        configure(mail_url=url_of(server))
        send_due()
        for script in ({"RCPT": "450 4.2.0 greylisted"}, HANGS_UP, HANGS_UP):
            server.script = script
            make_due(make, message)
            send_due()
    assert len(server.taken) == 2
    assert fresh(message).state is EmailState.DOUBTFUL
    assert open_items(message) == ["message_doubtful"]


def test_who_was_too_slow_before_the_hand_over_hands_nothing_over(
    make: Factories, configure: Configure, app: Flask
) -> None:
    message = promised(make)
    composing, overtaken = threading.Event(), threading.Event()

    def compose_slowly(lease: Lease) -> Letter:
        composing.set()
        assert overtaken.wait(30)
        return Letter(message.to_address, b"From the slow one\r\n")

    with serving() as server:
        configure(mail_url=url_of(server))
        with meanwhile(app, lambda: send_due({"tickets": compose_slowly})) as slow:
            assert composing.wait(30)
            lapse(make, message)
            make_due(make, message)
            send_due()
            assert fresh(message).state is EmailState.SENT
            sent_at = message.sent_at
            overtaken.set()
            assert slow.result() == 1
    (arrived,) = received(server)
    assert arrived["Message-ID"] is not None
    assert fresh(message).state is EmailState.SENT
    assert message.sent_at == sent_at


def test_who_lost_the_lease_to_another_sender_hands_nothing_over(
    make: Factories, configure: Configure, app: Flask
) -> None:
    message = promised(make)
    composing, overtaken = threading.Event(), threading.Event()

    def compose_slowly(lease: Lease) -> Letter:
        composing.set()
        assert overtaken.wait(30)
        return Letter(message.to_address, b"From the slow one\r\n")

    with serving() as server:
        configure(mail_url=url_of(server))
        with meanwhile(app, lambda: send_due({"tickets": compose_slowly})) as slow:
            assert composing.wait(30)
            lapse(make, message)
            emails.doubt_lost_leases()
            make_due(make, message)
            with pytest.raises(SystemExit):
                send_due({"tickets": _die})  # it holds the lease, and would go on composing
            overtaken.set()
            assert slow.result() == 1
    assert received(server) == []
    assert (fresh(message).state, message.handing_over_at) == (EmailState.SENDING, None)


def test_a_lease_that_ran_out_is_none_although_nobody_else_has_taken_it(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)

    def compose_too_long(lease: Lease) -> Letter:
        lapse(make, message)
        return Letter(message.to_address, b"Too late\r\n")

    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due({"tickets": compose_too_long}) == 1
    assert received(server) == []
    assert (fresh(message).state, message.handing_over_at) == (EmailState.SENDING, None)


def test_who_lost_the_lease_during_the_hand_over_cannot_mark_the_message_as_sent(
    make: Factories, configure: Configure, app: Flask
) -> None:
    message = promised(make)
    given, overtaken = threading.Event(), threading.Event()

    def hold_back_the_answer() -> None:
        given.set()
        assert overtaken.wait(30)

    with serving(Moment("MESSAGE", hold_back_the_answer)) as server:
        configure(mail_url=url_of(server), mail_timeout_s=60)
        slow: Future[int]
        with meanwhile(app, send_due) as slow:
            assert given.wait(30)
            lapse(make, message)
            assert send_due() == 0
            assert fresh(message).state is EmailState.DOUBTFUL
            overtaken.set()
            assert slow.result() == 1
    assert fresh(message).state is EmailState.DOUBTFUL
    assert message.sent_at is None


def test_the_lease_begins_anew_with_the_hand_over_however_long_the_composing_took(
    make: Factories, configure: Configure, app: Flask
) -> None:
    message = promised(make)
    left: list[float] = []

    def compose_to_the_last_minute(lease: Lease) -> Letter:
        make.change(message, lease_until=clock.now() + timedelta(seconds=20))
        return Letter(message.to_address, b"At last\r\n")

    def look_at_the_lease() -> None:
        with app.app_context():
            (seen,) = everything(EmailMessage)
            assert seen.lease_until is not None
            left.append((seen.lease_until - clock.now()).total_seconds())

    with serving(Moment("MESSAGE", look_at_the_lease)) as server:
        configure(mail_url=url_of(server), mail_lease_s=120)
        send_due({"tickets": compose_to_the_last_minute})
    assert left == [pytest.approx(120, abs=15)]
    assert fresh(message).state is EmailState.SENT


def test_a_message_whose_senders_keep_dying_waits_longer_each_time_and_then_fails(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    states = []

    with serving() as server:
        configure(mail_url=url_of(server), mail_tries=3)
        for tries in (1, 2, 3):
            with pytest.raises(SystemExit):
                send_due({"tickets": _die})
            assert fresh(message).state is EmailState.SENDING
            lapse(make, message)
            assert emails.doubt_lost_leases() == 1
            states.append(fresh(message).state)
            assert wait_s(message) == pytest.approx(60 * 2 ** (tries - 1), abs=15)
            make_due(make, message)
    assert states == [EmailState.QUEUED, EmailState.QUEUED, EmailState.FAILED]
    assert open_items(message) == ["email_failed"]


def test_a_lease_that_has_not_run_out_is_left_alone(make: Factories) -> None:
    message = promised(make)
    with pytest.raises(SystemExit):
        send_due({"tickets": _die})
    emails.doubt_lost_leases()
    assert fresh(message).state is EmailState.SENDING


def test_a_lost_lease_whose_link_somebody_holds_does_not_stop_the_others(
    make: Factories, configure: Configure, other: psycopg.Connection, impatient: None
) -> None:
    stuck, ordinary = promised(make), promised(make)
    make_due(make, stuck)
    with pytest.raises(SystemExit):
        send_due({"tickets": _die})
    lapse(make, stuck)
    with serving() as server, other.transaction():
        configure(mail_url=url_of(server))
        other.execute("SELECT FROM payment_link WHERE id = %s FOR UPDATE", [stuck.link_id])
        assert send_due() == 1
    assert fresh(stuck).state is EmailState.SENDING
    assert fresh(ordinary).state is EmailState.SENT


def _die(_lease: Lease) -> Letter:
    raise SystemExit


@pytest.fixture
def impatient(rows: Flask) -> Iterator[None]:
    """Give up waiting for a lock soon."""

    def hurry(connection: psycopg.Connection, *_: object) -> None:
        connection.execute("SET lock_timeout = '200ms'")

    event.listen(db.engine, "checkout", hurry)
    yield
    event.remove(db.engine, "checkout", hurry)
    db.session.remove()
    db.engine.dispose()
