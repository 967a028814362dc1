"""Processes that keep the schedule: two rivals, and one whose PostgreSQL goes away."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from rq import Queue
from sqlalchemy import select

from dev.stack import Stack
from tests.sandbox.process import eventually
from tests.tasks.engine import FragileRedis, environment
from tests.tasks.tree import Tree, children_of
from webapp.extensions import connect_redis, db
from webapp.jobs import QueueName
from webapp.models import Heartbeat

pytestmark = [pytest.mark.stack, pytest.mark.drill]

TAKEN_OVER_S = 15
# Two seconds, on a machine that is busy with other tests.
ENDED_S = 5

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def test_who_kills_one_of_two_schedulers_has_the_other_one_take_over(
    rows: Flask, queues: FragileRedis, tmp_path: Path
) -> None:
    with ExitStack() as started:

        def start(dyno: str) -> Tree:
            settings = environment(rows, queues) | {"DYNO": dyno}
            tree = Tree("tasks.schedule", settings, tmp_path / "log")
            started.callback(tree.end)
            return tree

        first = start("scheduler.1")
        eventually(lambda: _holder() == "scheduler.1/scheduler")
        before = _connections()
        second = start("scheduler.2")
        eventually(lambda: _connections() > before)
        first.send(signal.SIGKILL)
        queues.client.flushall()
        killed = time.monotonic()
        eventually(lambda: _holder() == "scheduler.2/scheduler")
        assert 8 < time.monotonic() - killed < TAKEN_OVER_S
        eventually(lambda: queues.client.llen("rq:queue:checks"))
        asked = time.monotonic()
        second.send(signal.SIGTERM)
        assert second.wait(60) == 0
        assert time.monotonic() - asked < ENDED_S


def test_the_worker_and_its_schedule_live_through_a_postgresql_that_goes_away(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    with Stack(folder, programs=("worker",)) as stack:
        database = stack.settings["DATABASE_URL"]
        client = connect_redis(stack.settings["REDIS_URL"], timeout_s=10)

        def note(name: str) -> Path:
            file = folder / name
            Queue(QueueName.MAIL, connection=client).enqueue(
                "tests.tasks.jobs.leave_a_note", str(file)
            )
            return file

        eventually(note("before").exists)
        eventually(lambda: _beats(database))
        worker = stack.processes.pid("worker")
        children = children_of(worker)
        stack.postgres.stop()
        time.sleep(4)
        stack.postgres.start()
        eventually(lambda: _beats(database))
        eventually(note("after").exists)
        client.close()
        assert stack.processes.pid("worker") == worker
        assert children_of(worker) == children


def _beats(database: str) -> bool:
    """Say whether a scheduler has shown a sign of life within the last two seconds."""
    query = "SELECT count(*) FROM heartbeat WHERE beat_at > now() - interval '2 seconds'"
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute(query).fetchone() == (1,)


def _holder() -> str | None:
    db.session.rollback()
    return db.session.scalar(select(Heartbeat.holder))


def _connections() -> int:
    db.session.rollback()
    return int(db.session.connection().exec_driver_sql(CONNECTIONS).scalar_one())
