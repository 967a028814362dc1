import time

import pytest

from tests.sandbox.process import eventually
from tests.tasks.engine import Engine
from webapp.jobs import QueueName

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("engine")]

# "Within seconds", on a machine that is busy with other tests.
SOON_S = 10


def _works_soon(engine: Engine) -> None:
    began = time.monotonic()
    notes = [engine.note(queue) for queue in QueueName]
    eventually(lambda: all(note.exists() for note in notes))
    assert time.monotonic() - began < SOON_S


def test_after_a_redis_that_was_away_jobs_run_again_within_seconds(engine: Engine) -> None:
    with engine.redis.away():
        time.sleep(8)  # long enough for RQ's own pauses to have grown past our patience
    _works_soon(engine)


def test_after_a_redis_that_hung_jobs_run_again_within_seconds(engine: Engine) -> None:
    with engine.redis.hung():
        time.sleep(3)
    _works_soon(engine)


def test_an_emptied_redis_makes_no_difference(engine: Engine) -> None:
    engine.redis.client.flushall()
    _works_soon(engine)


def test_a_job_that_ends_while_redis_is_away_is_done_and_others_follow(engine: Engine) -> None:
    email, check = engine.linger(QueueName.MAIL), engine.linger(QueueName.CHECKS)
    with engine.redis.away():
        email.finish()
        check.finish()
        eventually(lambda: email.is_done and check.is_done)
        eventually(lambda: not {email.pid, check.pid} & engine.tree.pids())
    _works_soon(engine)


def test_a_job_that_ends_after_redis_was_emptied_is_done_and_others_follow(engine: Engine) -> None:
    email = engine.linger(QueueName.MAIL)
    engine.redis.client.flushall()
    email.finish()
    eventually(lambda: email.is_done)
    _works_soon(engine)
