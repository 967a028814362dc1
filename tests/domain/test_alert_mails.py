"""Whoever has to act is told by email: of each alert once, and of none never."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from rq import Queue
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.alerting import OPERATOR, ended, make_due, raised, send_due, wait_s
from tests.domain.mailing import Moment, received
from tests.domain.mailing import promised as ticket_email
from tests.domain.mailing import send_due as send_tickets
from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import Fault, MailServer, Script, serving
from webapp.core import clock
from webapp.domain.desk import users
from webapp.domain.messages import alerts
from webapp.domain.transaction import transaction
from webapp.extensions import queue_redis, settings
from webapp.jobs import QUEUE_OF, JobName
from webapp.models import Alert, AlertMail, User

NOBODY = "smtp://127.0.0.1:1"
PASSWORD = "correct horse battery"


@pytest.fixture
def server(make: Factories, configure: Configure) -> Iterator[MailServer]:
    """A mail server that takes everything; the operator is to be told."""
    with serving() as server:
        configure(mail_url=url_of(server), alert_email=OPERATOR, site_name="Tillgate")
        yield server


def owner(make: Factories, email: str, role: str = "owner") -> User:
    return users.make(make.shop, email=email, password=PASSWORD, name="Olga", role=role)


class TakenBackError(Exception):
    """The transaction that raised the alert came to nothing."""


def raise_and_take_back() -> None:
    with transaction():
        alerts.raise_once("alert", "x", subject="y", headline="Never", body="So.", merchant_id=None)
        raise TakenBackError


def recipients(server: MailServer) -> list[str]:
    return [address for envelope in server.taken for address in envelope.rcpt_tos]


def test_a_new_alert_is_mailed_with_its_headline_and_its_whole_story(server: MailServer) -> None:
    alert = raised(
        body="CRITICAL PAYMENT ISSUE\nCustomer's name: <b>Ada</b> & www.example.org\n",
        path="/desk/links/ORD-1",
    )
    assert send_due().sent == 1
    (message,) = received(server)
    assert message["Subject"] == "[Tillgate CRITICAL] Amount Mismatch - Order ORD-1"
    assert message["To"] == OPERATOR
    assert message["Message-ID"].startswith(f"<alert-{alert.id}-")
    link = f"{settings.base_url}/desk/links/ORD-1"
    told = "CRITICAL PAYMENT ISSUE\nCustomer's name: <b>Ada</b> & www.example.org\n"
    plain = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert plain.replace("\r\n", "\n").startswith(f"{told}{link}\n")
    page = message.get_body(("html",)).get_content()  # type: ignore[union-attr]  # it has one
    html = BeautifulSoup(page, "html.parser")
    assert "Customer's name: <b>Ada</b> & www.example.org" in html.get_text()
    assert html.b is None
    assert [(a["href"], a.get_text()) for a in html.find_all("a")] == [(link, link)]


def test_an_alert_that_is_not_critical_says_so_in_its_subject(
    server: MailServer, make: Factories
) -> None:
    make.change(raised(headline="No Mail Is Going Out"), severity="alert")
    send_due()
    (message,) = received(server)
    assert message["Subject"] == "[Tillgate Alert] No Mail Is Going Out"


def test_however_often_an_alert_comes_up_it_is_mailed_once(server: MailServer) -> None:
    for _ in range(3):
        raised()
        send_due()
    assert recipients(server) == [OPERATOR]
    (row,) = everything(AlertMail)
    assert (row.due_at, row.lease_token, row.last_error) == (None, None, None)
    assert row.sent_at is not None


def test_the_merchants_owners_are_told_and_nobody_else_of_it(
    server: MailServer, make: Factories
) -> None:
    owner(make, "olga@shop.example")
    owner(make, "otto@shop.example")
    owner(make, "staff@shop.example", role="staff")
    elsewhere = Factories()
    owner(elsewhere, "anna@elsewhere.example")
    raised(merchant_id=make.shop.id)
    assert send_due().sent == 3
    assert sorted(recipients(server)) == ["olga@shop.example", OPERATOR, "otto@shop.example"]


def test_an_owner_who_is_the_operator_is_told_once(server: MailServer, make: Factories) -> None:
    owner(make, OPERATOR.upper())
    raised(merchant_id=make.shop.id)
    send_due()
    assert recipients(server) == [OPERATOR]


def test_a_matter_of_no_merchant_is_the_operators_alone(
    server: MailServer, make: Factories
) -> None:
    owner(make, "olga@shop.example")
    raised()
    send_due()
    assert recipients(server) == [OPERATOR]


def test_where_nobody_is_to_be_told_nothing_is_promised(
    make: Factories, configure: Configure
) -> None:
    configure(alert_email="")
    raised(merchant_id=make.shop.id)
    assert everything(AlertMail) == []


def test_the_mail_is_promised_with_the_alert_and_asked_for_after_the_commit(
    server: MailServer,
) -> None:
    def asked() -> list[str | None]:
        return [job.func_name for job in Queue(QUEUE_OF[JobName.ALERTS], queue_redis).jobs]

    with pytest.raises(TakenBackError):
        raise_and_take_back()
    assert (asked(), everything(Alert), everything(AlertMail)) == ([], [], [])
    raised()
    assert [row.to_address for row in everything(AlertMail)] == [OPERATOR]
    assert asked() == [JobName.ALERTS.value]
    raised()
    assert asked() == [JobName.ALERTS.value]


def test_an_alert_that_ends_before_its_mail_was_sent_is_not_mailed(
    server: MailServer, make: Factories
) -> None:
    sent, unsent = raised("ORD-1"), raised("ORD-2")
    make_due(make, everything(AlertMail)[0])
    send_due(rows=1)
    for alert in (sent, unsent):
        ended(alert)
    assert send_due().sent == 0
    assert len(server.taken) == 1
    assert [row.sent_at is not None for row in everything(AlertMail)] == [True, False]


def test_an_alert_that_comes_and_goes_is_mailed_once_an_hour(
    server: MailServer, make: Factories
) -> None:
    for _ in range(3):
        alert = raised()
        send_due()
        ended(alert)
    assert len(server.taken) == 1
    again = raised()
    assert send_due().sent == 0
    *_, waiting = everything(AlertMail)
    assert wait_s(waiting) == pytest.approx(3600, abs=30)
    make_due(make, waiting)
    assert send_due().sent == 1, "a matter that stays is told late and not never"
    ended(again)
    for row in everything(AlertMail):
        make.change(row, sent_at=clock.now() - timedelta(minutes=61) if row.sent_at else None)
    raised()
    assert send_due().sent == 1
    assert len(server.taken) == 3


def test_another_matter_is_mailed_at_once(server: MailServer) -> None:
    for subject in ("ORD-1", "ORD-2"):
        ended(raised(subject))
        raised(subject, headline="Again")
        send_due()
    assert len(server.taken) == 2


def test_an_outage_of_any_length_ends_no_mail_and_costs_one_question_a_run(
    server: MailServer, make: Factories, configure: Configure
) -> None:
    configure(mail_url=NOBODY, mail_tries=2)
    raised("ORD-1")
    raised("ORD-2")
    for _ in range(6):
        make_due(make)
        summary = send_due()
        assert (summary.sent, summary.failed) == (0, 1)
    assert [row.tries for row in everything(AlertMail)] == [0, 0]
    assert all(0 < wait_s(row) <= 61 for row in everything(AlertMail) if row.last_error)
    configure(mail_url=url_of(server))
    make_due(make)
    assert send_due().sent == 2


@pytest.mark.parametrize(
    "script",
    [{"RCPT": "550 5.1.1 unknown"}, {"RCPT": "450 4.2.2 full"}, {"MESSAGE": Fault.DROP}],
    ids=["refused", "postponed", "doubtful"],
)
def test_a_mail_that_fails_by_itself_waits_longer_each_time_and_is_given_up(
    server: MailServer, make: Factories, configure: Configure, script: Script
) -> None:
    configure(mail_tries=3)
    raised()
    server.script = script
    waits = []
    with capture_logs() as logs:
        for _ in range(3):
            make_due(make)
            assert send_due().failed == 1
            (row,) = everything(AlertMail)
            waits.append(None if row.due_at is None else round(wait_s(row), -1))
        assert send_due().failed == 0
    assert waits == [60, 120, None]
    assert (row.tries, row.sent_at, row.lease_token) == (3, None, None)
    assert row.last_error
    names = [one["event"] for one in logs]
    assert [names.count(name) for name in ("alert_mail_undelivered", "alert_mail_given_up")] == [
        2,
        1,
    ]


def test_what_fails_while_others_get_through_is_the_mails_own_doing(
    server: MailServer, make: Factories
) -> None:
    raised()
    server.script = {"RCPT": Fault.DROP}
    send_due()
    (row,) = everything(AlertMail)
    assert row.tries == 0, "nobody gets through: the server's doing"
    server.script = {}
    ticket_email(make)
    send_tickets()
    server.script = {"RCPT": Fault.DROP}
    make_due(make)
    send_due()
    assert fresh(row).tries == 1


def test_a_mail_that_nobody_can_compose_moves_its_own_clock_and_holds_up_no_other(
    server: MailServer, make: Factories
) -> None:
    broken, good = raised("ORD-1"), raised("ORD-2")
    make.change(everything(AlertMail)[0], to_address="nobody")
    make_due(make)
    assert send_due().sent == 1
    rows = {row.alert_id: row for row in everything(AlertMail)}
    assert rows[good.id].sent_at is not None
    assert wait_s(rows[broken.id]) == pytest.approx(60, abs=10)


def test_a_mail_whose_sender_died_is_sent_when_the_lease_has_run_out(
    server: MailServer, make: Factories
) -> None:
    raised()
    (row,) = everything(AlertMail)
    now = clock.now()
    make.change(
        row,
        lease_token="of a dead one",
        lease_until=now + timedelta(seconds=60),
        due_at=now - timedelta(seconds=1),
        tries=1,
    )
    assert send_due().sent == 0, "somebody is sending it"
    make.change(row, lease_until=now - timedelta(seconds=1))
    assert send_due().sent == 1


def test_who_was_too_slow_writes_over_nobodys_end(
    server: MailServer, other: psycopg.Connection
) -> None:
    raised()
    (row,) = everything(AlertMail)
    take_over = partial(other.execute, "UPDATE alert_mail SET lease_token = 'of another'")
    server.script = Moment("MESSAGE", take_over)
    send_due()
    assert (fresh(row).lease_token, row.sent_at) == ("of another", None)


def test_an_alert_that_ends_while_its_mail_waits_for_the_server_stays_unsent(
    server: MailServer, app: Flask
) -> None:
    alert = raised()
    (row,) = everything(AlertMail)

    def end_it() -> None:
        with app.app_context():
            ended(alert)
        server.script = {"RCPT": Fault.DROP}

    server.script = Moment("MAIL", end_it)
    assert send_due().failed == 1
    assert (fresh(row).due_at, row.lease_token, row.sent_at) == (None, None, None)


def test_ten_workers_send_each_mail_once(server: MailServer, app: Flask) -> None:
    for number in range(8):
        raised(f"ORD-{number}")
    summaries = side_by_side(app, [send_due] * 10)
    assert sum(summary.sent for summary in summaries) == len(server.taken) == 8


def test_no_log_names_who_is_told_or_whom_the_alert_is_about(
    server: MailServer, make: Factories
) -> None:
    with capture_logs() as logs:
        raised(body="Customer: ada@example.org\nCustomer's name: Ada Lovelace\n")
        send_due()
        raised("ORD-2")
        server.script = {"RCPT": "550 5.1.1 unknown"}
        send_due()
    said = str(logs)
    assert "alert_mail_sent" in said
    for secret in (OPERATOR, "ada@", "Lovelace"):
        assert secret not in said
