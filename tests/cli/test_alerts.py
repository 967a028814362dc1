from collections.abc import Iterator

import pytest
from flask import Flask

from tests.cli.test_links import run
from tests.conftest import Configure
from tests.domain.alerting import OPERATOR, raised
from tests.domain.mailing import received
from tests.factories import Factories, everything, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import MailServer, serving
from webapp.core import clock
from webapp.models import Alert, AlertMail


@pytest.fixture
def server(make: Factories, configure: Configure) -> Iterator[MailServer]:
    """A mail server that takes everything; the operator is to be told."""
    with serving() as server:
        configure(mail_url=url_of(server), alert_email=OPERATOR, site_name="Tillgate")
        yield server


def test_alerts_are_listed_and_ended_by_commands(rows: Flask, make: Factories) -> None:
    alert = raised(body="Customer: ada@example.org\n")
    raised()
    shown = run(rows, "alerts", "list")
    assert shown.output.rstrip("\n").split("  ") == [
        str(alert.id),
        "critical",
        "amount_mismatch",
        "ORD-1",
        clock.iso(alert.raised_at),
        "x2",
        "open",
        "Amount Mismatch - Order ORD-1",
    ]
    done = run(rows, "alerts", "end", str(alert.id), "--reason", "It was a test card.")
    assert (done.exit_code, done.output) == (
        0,
        f"Alert {alert.id} is ended: Amount Mismatch - Order ORD-1\n",
    )
    assert fresh(alert).ended_at is not None
    assert alert.end_reason == "It was a test card."
    assert run(rows, "alerts", "list").output == ""
    assert "ended 20" in run(rows, "alerts", "list", "--all").output


@pytest.mark.parametrize(
    ("reason", "code", "says"),
    [(" ", 2, "must not be empty"), ("over", 1, "has ended already")],
)
def test_an_alert_is_ended_once_and_with_a_reason(
    rows: Flask, make: Factories, reason: str, code: int, says: str
) -> None:
    alert = raised()
    make.change(alert, ended_at=clock.now(), end_reason="first")
    done = run(rows, "alerts", "end", str(alert.id), "--reason", reason)
    assert done.exit_code == code
    assert says in done.output
    assert fresh(alert).end_reason == "first"


def test_an_alert_that_is_not_there_is_said_to_be_not_there(rows: Flask) -> None:
    done = run(rows, "alerts", "end", "1", "--reason", "over")
    assert (done.exit_code, done.output) == (1, "Error: there is no such Alert\n")


def test_a_test_alert_arrives_and_is_over_each_time_it_is_asked_for(
    rows: Flask, server: MailServer
) -> None:
    for _ in range(2):
        done = run(rows, "alerts", "test")
        assert (done.exit_code, done.output) == (0, "Sent.\n")
    assert [message["Subject"] for message in received(server)] == [
        "[Tillgate Alert] This Is a Test"
    ] * 2
    assert all(alert.ended_at is not None for alert in everything(Alert))


def test_a_test_alert_tells_what_the_server_answered_and_is_not_sent_later(
    rows: Flask, server: MailServer
) -> None:
    waiting = raised()
    server.script = {"RCPT": "550 5.1.1 unknown"}
    done = run(rows, "alerts", "test")
    assert done.exit_code == 1
    assert done.output == "Error: not sent: the recipient was refused: 550 5.1.1\n"
    first, tried = everything(AlertMail)
    assert (first.alert_id, first.tries) == (waiting.id, 0)
    assert (tried.due_at, tried.sent_at) == (None, None)


def test_a_test_alert_that_would_reach_nobody_is_refused(rows: Flask, configure: Configure) -> None:
    configure(alert_email="")
    done = run(rows, "alerts", "test")
    assert (done.exit_code, done.output) == (
        2,
        "Error: ALERT_EMAIL: is not set, so nobody is told of alerts\n",
    )
    assert everything(Alert) == []
