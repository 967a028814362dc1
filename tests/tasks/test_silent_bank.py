"""One bank that says nothing, buyers who wait for it, and the work of everybody else."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import database
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything, paid
from tests.sandbox.process import eventually
from tests.tasks.engine import FragileRedis, environment
from tests.tasks.tree import Tree
from webapp.config import Settings
from webapp.core.states import EmailState
from webapp.domain.payments import settlement
from webapp.extensions import db, queue_redis
from webapp.factory import create_app
from webapp.models import EmailMessage

pytestmark = [pytest.mark.stack, pytest.mark.drill]

# A read that gets no answer; production has 10 s. Two processes can make two such reads at once.
READ_S = 5
BUYERS = 3
POLL_EVERY_S = 3
# One run that is under way holds the process that also sends mail for one read; then mail is first.
MAIL_WITHIN_S = 3 * READ_S


@dataclass
class Place:
    """Workers that may call nobody but a silent bank."""

    app: Flask
    redis: FragileRedis

    @property
    def checks_waiting(self) -> int:
        """How long the queue of checks is."""
        return int(self.redis.client.llen("rq:queue:checks"))


@pytest.fixture
def place(settings: Settings, worker_id: str) -> Iterator[Place]:
    """An engine room of its own, both workers waiting for jobs."""
    with ExitStack() as opened:
        redis = FragileRedis()
        opened.callback(redis.close)
        bank = SilentBank()
        opened.callback(bank.hang_up)
        name = f"{worker_id}_silent"
        url = opened.enter_context(database.copied(settings, os.environ["DATABASE_URL"], name))
        own = {"database_url": url, "redis_url": redis.url, "sandbox_url": bank.url}
        app = create_app(Settings.model_validate(settings.model_dump() | own))
        folder = Path(tempfile.mkdtemp(prefix="silent-"))
        opened.callback(shutil.rmtree, folder)
        variables = environment(app, redis) | {
            "MAIL_URL": (folder / "mail").as_uri(),
            "SANDBOX_URL": bank.url,
            "PROVIDER_TIMEOUT_S": str(READ_S),
        }
        tree = Tree("tasks.worker", variables, folder / "worker.log")
        opened.callback(tree.end)
        with app.app_context():
            eventually(lambda: redis.waiting() == {"blpop", "blmove"})
            yield Place(app, redis)
            queue_redis.close()
            db.session.remove()
            db.engine.dispose()


def test_three_buyers_who_wait_for_a_silent_bank_hold_up_nobody_elses_mail(place: Place) -> None:
    make = Factories()
    codes = [make.pending().link.code for _ in range(BUYERS)]
    client = place.app.test_client()
    begun, promised_at, longest = time.monotonic(), 0.0, 0
    polled = 0
    while not promised_at or not is_sent():
        now = time.monotonic() - begun
        if now >= polled * POLL_EVERY_S:
            polled += 1
            poll(client, codes)
        if not promised_at and now >= 3 * READ_S:
            elsewhere = Factories().pending(ticket_count=0)
            settlement.apply(elsewhere.reference, paid(elsewhere), actor="test")
            promised_at = now
        longest = max(longest, place.checks_waiting)
        assert not promised_at or now - promised_at < MAIL_WITHIN_S, "the mail waits for the bank"
        time.sleep(0.1)
    # Each buyer has one check in the queue at most, beside the two sweeps and a kick of each.
    assert longest <= BUYERS + 4


def poll(client: FlaskClient, codes: list[str]) -> None:
    """Ask as the page of each buyer does."""
    for code in codes:
        assert client.get(f"/pay/{code}/status?on=processing").status_code == 200


def is_sent() -> bool:
    """Say whether the one email has been sent."""
    db.session.rollback()
    return [message.state for message in everything(EmailMessage)] == [EmailState.SENT]
