"""A mail server that is away, or that takes nothing from us, delays promises and ends none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.mailing import (
    Moment,
    make_due,
    open_items,
    promised,
    received,
    send_due,
    wait_s,
)
from tests.factories import Factories, everything, fresh
from tests.unit.handover import SHORT_S, url_of
from tests.unit.mail_servers import Fault, Script, answering_nobody, serving, sign_in
from webapp.core import clock
from webapp.core.states import EmailState
from webapp.extensions import db
from webapp.models import Alert, EmailMessage

NOBODY = "smtp://127.0.0.1:1"

# As often as a day of trying would be, and more than MAIL_TRIES.
OFTEN = 12


def fail_often(make: Factories, message: EmailMessage) -> None:
    for _ in range(OFTEN):
        make_due(make, message)
        assert send_due() == 1
        assert (fresh(message).state, message.tries) == (EmailState.QUEUED, 0)
        assert open_items(message) == []


@pytest.mark.parametrize(
    "script",
    [
        {"MAIL": "553 5.7.1 not this sender"},
        {"MAIL": "530 5.7.0 sign in first"},
        {"RCPT": "451 4.3.0 lookup failed"},
        {"RCPT": "421 4.3.2 shutting down"},
        {"DATA": Fault.DROP},
        {"MESSAGE": "452 4.3.1 disk full"},
        {"MESSAGE": "454 4.7.0 your quota is used up"},
    ],
)
def test_a_server_that_takes_nothing_from_us_ends_no_promise(
    make: Factories, configure: Configure, script: Script
) -> None:
    message = promised(make)
    with serving(script) as server:
        configure(mail_url=url_of(server))
        fail_often(make, message)
        (alert,) = everything(Alert)
        assert (alert.kind, alert.times, alert.ended_at) == ("mail_unavailable", OFTEN, None)
        server.script = {}
        make_due(make, message)
        send_due()
    assert fresh(message).state is EmailState.SENT
    assert fresh(alert).ended_at is not None


def test_an_outage_of_any_length_ends_no_promise(make: Factories, configure: Configure) -> None:
    message = promised(make)
    configure(mail_url=NOBODY)
    fail_often(make, message)
    with serving() as server:
        configure(mail_url=url_of(server))
        make_due(make, message)
        send_due()
        assert len(received(server)) == 1
    assert fresh(message).state is EmailState.SENT


def test_a_server_that_never_greets_costs_no_try(make: Factories, configure: Configure) -> None:
    message = promised(make)
    with answering_nobody() as port:
        configure(mail_url=f"smtp://127.0.0.1:{port}", mail_timeout_s=SHORT_S)
        send_due()
    assert (fresh(message).state, message.tries) == (EmailState.QUEUED, 0)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "MESSAGE", "QUIT"])
def test_a_server_that_takes_its_time_gets_the_message_once(
    make: Factories, configure: Configure, stage: str
) -> None:
    message = promised(make)
    with serving(Moment(stage, lambda: time.sleep(SHORT_S))) as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
        make_due(make, message)
        assert send_due() == 0
    assert (fresh(message).state, message.tries) == (EmailState.SENT, 1)
    assert len(received(server)) == 1


def test_a_server_that_does_not_let_us_sign_in_ends_no_promise(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving(authenticator=sign_in, auth_require_tls=False) as server:
        configure(mail_url=f"smtp://somebody:wrong@127.0.0.1:{server.port}")
        fail_often(make, message)


def test_an_outage_is_one_alert_however_many_messages_wait_and_the_next_one_is_another(
    make: Factories, configure: Configure
) -> None:
    messages = [promised(make) for _ in range(3)]
    for _ in range(2):
        configure(mail_url=NOBODY)
        for message in messages:
            make_due(make, message)
            assert send_due() == 1
        with serving() as server:
            configure(mail_url=url_of(server))
            make_due(make, messages.pop())
            assert send_due() == 1
    alerts = everything(Alert)
    assert [alert.times for alert in alerts] == [3, 2]
    assert all(alert.ended_at is not None for alert in alerts)
    assert alerts[0].merchant_id is None
    assert "no connection to the mail server" in alerts[0].body


def test_a_server_that_is_away_is_asked_once_in_a_run(
    make: Factories, configure: Configure
) -> None:
    for _ in range(3):
        promised(make)
    configure(mail_url=NOBODY)
    assert [send_due() for _ in range(4)] == [1, 1, 1, 0]


def test_the_longer_the_outage_the_longer_the_wait_up_to_the_setting(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    configure(mail_url=NOBODY, mail_outage_wait_s=300)
    waits = []
    for lasts_s in (0, 100, 400, 100_000):
        for alert in everything(Alert):
            make.change(alert, raised_at=clock.now() - timedelta(seconds=lasts_s))
        make_due(make, message)
        send_due()
        waits.append(wait_s(message))
    assert waits == [pytest.approx(wait, abs=15) for wait in (60, 60, 200, 300)]


@pytest.mark.parametrize("script", [{"RCPT": Fault.DROP}, {"RCPT": "451 no"}, {"DATA": Fault.DROP}])
def test_what_fails_while_others_get_through_is_the_messages_own_doing(
    make: Factories, configure: Configure, script: Script
) -> None:
    ordinary, strange = promised(make), promised(make)
    make.change(strange, due_at=clock.now() + timedelta(hours=1))
    with serving() as server:
        configure(mail_url=url_of(server), mail_tries=2)
        send_due()
        assert fresh(ordinary).state is EmailState.SENT
        server.script = script
        for tries in (1, 2):
            make_due(make, strange)
            send_due()
            assert fresh(strange).tries == tries
    assert fresh(strange).state is EmailState.FAILED
    assert open_items(strange) == ["email_failed"]
    assert everything(Alert) == []


def test_a_support_address_without_mail_costs_the_buyer_nothing(
    make: Factories, configure: Configure
) -> None:
    make._merchant = make.merchant(support_email="jörg@example.org")
    message = promised(make)
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    (arrived,) = received(server)
    assert arrived["Reply-To"] is None
    assert fresh(message).state is EmailState.SENT


def test_a_sender_of_an_international_domain_sends(make: Factories, configure: Configure) -> None:
    message = promised(make)
    with serving() as server:
        configure(mail_url=url_of(server), mail_from="Tickets <karten@bühne.example>")
        send_due()
    (arrived,) = received(server)
    assert arrived["Message-ID"] == f"<{message.reference}@xn--bhne-0ra.example>"
    assert server.taken[0].mail_from == "karten@xn--bhne-0ra.example"


@contextmanager
def database_away(url: str, name: str) -> Iterator[tuple[Callable[[], None], threading.Timer]]:
    """Give a way to shut a database to everybody, and the timer that opens it again."""

    def let_in(word: str) -> None:
        with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {word}'.encode())
            if word == "false":
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [name],
                )

    back = threading.Timer(0.8, let_in, ["true"])

    def go_away() -> None:
        let_in("false")
        back.start()

    try:
        yield go_away, back
    finally:
        back.cancel()
        let_in("true")


def test_a_database_that_is_away_for_a_moment_after_the_servers_yes_makes_no_second_copy(
    make: Factories, configure: Configure, rows: Flask
) -> None:
    message = promised(make)
    url = rows.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    name = db.engine.url.database or ""
    with (
        database_away(url, name) as (go_away, back),
        serving(Moment("MESSAGE", go_away)) as server,
    ):
        configure(mail_url=url_of(server))
        assert send_due() == 1
        assert back.finished.is_set()
        make_due(make, message)
        assert send_due() == 0
    assert fresh(message).state is EmailState.SENT
    assert len(received(server)) == 1
