"""The sender dies at each step between its lease and its last commit. No message is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from flask import Flask

from tasks import mail
from tests.conftest import Configure
from tests.domain.mailing import Moment, lapse, make_due, open_items, promised, received, send_due
from tests.domain.side_by_side import wait_for
from tests.factories import Factories, everything, fresh
from tests.sandbox.process import eventually
from tests.tasks import forked
from tests.unit.handover import url_of
from tests.unit.mail_servers import Fault, MailServer, Script, serving
from webapp.core.states import EmailState
from webapp.domain.messages import emails
from webapp.extensions import db
from webapp.models import TicketDocument

Connect = Callable[[], psycopg.Connection]

WAITS_FOR_A_LOCK = (
    "SELECT count(*) > 0 FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@dataclass(frozen=True)
class Step:
    """Where the sender is stopped: at a silent server, or before a lock that somebody holds.

    The lock is held from the start, or from the moment at which the server hears of `lock_at`.
    `after` is the state in which its death leaves the message, `copies` how many the server has in
    the end.
    """

    name: str
    after: EmailState
    copies: int
    script: Script = field(default_factory=dict)
    lock: str = ""
    lock_at: str = ""
    is_printed: bool = True


STEPS = (
    Step(
        "before the tickets are printed",
        EmailState.QUEUED,
        copies=1,
        lock="LOCK TABLE ticket IN ACCESS EXCLUSIVE MODE",
        is_printed=False,
    ),
    Step(
        "before the printed tickets are stored",
        EmailState.QUEUED,
        copies=1,
        lock="LOCK TABLE ticket_document IN SHARE MODE",
        is_printed=False,
    ),
    Step(
        "after the tickets are printed",
        EmailState.QUEUED,
        copies=1,
        script={"RCPT": Fault.SILENCE},
    ),
    Step(
        "before the hand-over is written down",
        EmailState.QUEUED,
        copies=1,
        lock="SELECT FROM email_message FOR UPDATE",
        lock_at="RCPT",
    ),
    Step(
        "after the hand-over is written down",
        EmailState.DOUBTFUL,
        copies=1,
        script={"DATA": Fault.SILENCE},
    ),
    Step(
        "amid the message",
        EmailState.DOUBTFUL,
        copies=1,
        script={"CONTENT": Fault.SILENCE},
    ),
    Step(
        "before the answer of the server that has the message",
        EmailState.DOUBTFUL,
        copies=2,
        script={"MESSAGE": Fault.SILENCE},
    ),
    Step(
        "at the goodbye to the server that has the message",
        EmailState.DOUBTFUL,
        copies=2,
        script={"QUIT": Fault.SILENCE},
    ),
    Step(
        "between the answer and our commit",
        EmailState.DOUBTFUL,
        copies=2,
        lock="SELECT FROM payment_link FOR NO KEY UPDATE",  # a document's row may refer to it
    ),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_sender_that_is_killed_loses_no_message_and_repeats_only_from_doubt(
    make: Factories, configure: Configure, app: Flask, connect: Connect, step: Step
) -> None:
    message = promised(make, ticket_count=1)
    with serving(step.script) as server:
        configure(mail_url=url_of(server), mail_timeout_s=60)
        _kill_at(step, app, server, connect)
        assert fresh(message).state is EmailState.SENDING
        assert len(everything(TicketDocument)) == step.is_printed
        assert send_due() == 0
        lapse(make, message)
        assert emails.doubt_lost_leases() == 1
        assert fresh(message).state is step.after
        assert open_items(message) == []
        server.script = {}
        make_due(make, message)
        assert send_due() == 1
    assert fresh(message).state is EmailState.SENT
    assert (message.tries, message.repeats) == (2, int(step.after is EmailState.DOUBTFUL))
    ids = [arrived["Message-ID"] for arrived in received(server)]
    assert ids == [f"<{message.reference}@tillgate.example>"] * step.copies
    assert open_items(message) == []


def test_a_sender_that_is_killed_twice_in_doubt_leaves_the_message_to_a_person(
    make: Factories, configure: Configure, app: Flask, connect: Connect
) -> None:
    message = promised(make, ticket_count=1)
    silent = Step("", EmailState.DOUBTFUL, copies=2, script={"MESSAGE": Fault.SILENCE})
    with serving(silent.script) as server:
        configure(mail_url=url_of(server), mail_timeout_s=60)
        for _ in range(2):
            _kill_at(silent, app, server, connect)
            lapse(make, message)
            emails.doubt_lost_leases()
            make_due(make, message)
            server.asked.clear()
        server.script = {}
        assert send_due() == 0
    assert len(server.taken) == silent.copies
    assert fresh(message).state is EmailState.DOUBTFUL
    assert open_items(message) == ["message_doubtful"]


def test_a_sender_that_is_killed_before_it_has_its_lease_changes_nothing(
    make: Factories, configure: Configure, app: Flask, connect: Connect
) -> None:
    message = promised(make)
    leasing = Step(
        "", EmailState.QUEUED, copies=1, lock="LOCK TABLE email_message IN EXCLUSIVE MODE"
    )
    with serving() as server:
        configure(mail_url=url_of(server))
        _kill_at(leasing, app, server, connect)
        assert (fresh(message).state, message.tries) == (leasing.after, 0)
        assert server.asked == []
        assert send_due() == 1
    assert len(received(server)) == leasing.copies
    assert fresh(message).state is EmailState.SENT


def _kill_at(step: Step, app: Flask, server: MailServer, connect: Connect) -> None:
    """Run a sender until it stands at the step, and kill it."""
    db.session.rollback()
    with ExitStack() as locks:
        if step.lock and not step.lock_at:
            locks.enter_context(_held(connect(), step.lock))
        elif step.lock:
            held = _held(connect(), step.lock)
            server.script = Moment(step.lock_at, lambda: locks.enter_context(held))
        process = forked.start(app, mail.ticket_email)
        eventually(lambda: set(step.script) <= set(server.asked))
        if step.lock:
            wait_for(connect(), WAITS_FOR_A_LOCK)
        process.kill()
        process.join(10)
        assert process.exitcode == -9


@contextmanager
def _held(connection: psycopg.Connection, lock: str) -> Iterator[None]:
    with connection.transaction():
        connection.execute(lock.encode())
        yield


@pytest.fixture
def connect(rows: Flask) -> Iterator[Connect]:
    """Opens connections of somebody else to the same database."""
    url = rows.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    with ExitStack() as opened:
        yield lambda: opened.enter_context(psycopg.connect(url, autocommit=True))
