"""Asking for a job: often asked, once queued, and never in anybody's way."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from rq import Queue

from tests.tasks.engine import FragileRedis
from webapp import jobs
from webapp.config import Settings
from webapp.extensions import queue_redis
from webapp.factory import create_app
from webapp.jobs import JobName, QueueName

# Two answers that do not come, at 0.2 s each, and a busy machine.
AT_ONCE_S = 0.5


@pytest.fixture(scope="module")
def asking(settings: Settings, fragile_redis: FragileRedis) -> Flask:
    """An app that asks for its jobs at the Redis that suffers."""
    return create_app(
        Settings.model_validate(settings.model_dump() | {"redis_url": fragile_redis.url})
    )


@pytest.fixture
def context(asking: Flask, queues: FragileRedis) -> Iterator[None]:
    with asking.app_context():
        yield
        queue_redis.close()


def queued(queues: FragileRedis, name: JobName) -> list[tuple[Any, ...]]:
    """Return the arguments of the jobs of this name that wait, in order."""
    queue = Queue(jobs.QUEUE_OF[name], connection=queues.client)
    return [tuple(job.args) for job in queue.jobs if job.func_name == name]


@pytest.mark.usefixtures("context")
def test_kicks_are_one_job_until_it_starts_and_another_one_then(queues: FragileRedis) -> None:
    for _ in range(5):
        jobs.kick(JobName.TICKET_EMAIL)
    assert queued(queues, JobName.TICKET_EMAIL) == [()]
    jobs.started(JobName.TICKET_EMAIL)
    jobs.kick(JobName.TICKET_EMAIL)
    assert queued(queues, JobName.TICKET_EMAIL) == [(), ()]


@pytest.mark.usefixtures("context")
def test_a_kick_of_one_job_does_not_stand_for_another(queues: FragileRedis) -> None:
    jobs.kick(JobName.TICKET_EMAIL)
    jobs.kick(JobName.VERIFICATION)
    assert queued(queues, JobName.TICKET_EMAIL) == queued(queues, JobName.VERIFICATION) == [()]


@pytest.mark.usefixtures("context")
def test_a_kick_whose_job_was_lost_can_be_repeated_after_seconds(queues: FragileRedis) -> None:
    jobs.kick(JobName.TICKET_EMAIL)
    (key,) = queues.client.keys("kick:*")
    assert 5_000 < queues.client.pttl(key) <= 10_000


@pytest.mark.usefixtures("context")
def test_an_attempt_is_asked_about_once_while_that_waits(queues: FragileRedis) -> None:
    for reference in ("att-1", "att-2", "att-1", "att-2", "att-1"):
        jobs.check(reference)
    assert queued(queues, JobName.CHECK) == [("att-1",), ("att-2",)]
    assert 5_000 < queues.client.pttl("check:att-1") <= 10_000


@pytest.mark.usefixtures("context")
def test_from_the_start_of_a_check_on_its_attempt_is_asked_about_at_its_pace(
    queues: FragileRedis,
) -> None:
    jobs.check("att-1")
    jobs.check_started("att-1")
    assert 0 < queues.client.pttl("check:att-1") <= 3_000
    jobs.check("att-1")
    assert queued(queues, JobName.CHECK) == [("att-1",)]
    queues.client.delete("check:att-1")  # as time does
    jobs.check("att-1")
    assert queued(queues, JobName.CHECK) == [("att-1",), ("att-1",)]


@pytest.mark.usefixtures("context")
def test_with_no_worker_there_a_wish_is_forgotten_when_it_may_be_repeated(
    queues: FragileRedis,
) -> None:
    jobs.check("att-1")
    jobs.kick(JobName.TICKET_EMAIL)
    for queue, key in ((QueueName.CHECKS, "check:*"), (QueueName.MAIL, "kick:*")):
        (job,) = Queue(queue, connection=queues.client).jobs
        (note,) = queues.client.keys(key)
        assert 5_000 < queues.client.pttl(job.key) <= queues.client.pttl(note) + 100


@pytest.mark.usefixtures("context")
def test_with_no_worker_there_no_queue_grows_without_end(queues: FragileRedis) -> None:
    for number in range(300):
        jobs.check(f"att-{number}")
    assert queues.client.llen("rq:queue:checks") == 200
    jobs.kick(JobName.TICKET_EMAIL)
    assert queued(queues, JobName.TICKET_EMAIL) == [()]


@pytest.mark.usefixtures("context")
def test_a_job_that_was_asked_for_leaves_nothing_in_redis_when_it_is_done(
    queues: FragileRedis,
) -> None:
    jobs.check("att-1")
    (job,) = Queue(QueueName.CHECKS, connection=queues.client).jobs
    assert job.result_ttl == 0
    assert job.failure_ttl == 3600
    assert job.timeout == 300


ASKS = (
    lambda: jobs.kick(JobName.TICKET_EMAIL),
    lambda: jobs.check("att-1"),
    lambda: jobs.started(JobName.TICKET_EMAIL),
    lambda: jobs.check_started("att-1"),
)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("ask", ASKS, ids=["kick", "check", "started", "check_started"])
@pytest.mark.parametrize("is_connected", [True, False])
def test_a_redis_that_is_away_or_hangs_holds_nobody_up(
    queues: FragileRedis, ask: Callable[[], None], *, is_connected: bool
) -> None:
    for suffering in (queues.away, queues.hung):
        if is_connected:
            ask()
        with suffering():
            began = time.monotonic()
            ask()
            assert time.monotonic() - began < AT_ONCE_S
        queue_redis.close()


@pytest.mark.usefixtures("context")
def test_a_redis_that_is_back_is_asked_again(queues: FragileRedis) -> None:
    jobs.kick(JobName.TICKET_EMAIL)
    with queues.away():
        jobs.kick(JobName.TICKET_EMAIL)
    jobs.kick(JobName.TICKET_EMAIL)
    assert queued(queues, JobName.TICKET_EMAIL) == [()]
