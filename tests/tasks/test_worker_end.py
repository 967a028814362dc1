import signal
import time

import pytest

from tests.sandbox.process import eventually
from tests.tasks.engine import Engine
from webapp.jobs import QueueName

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("engine")]

# A job drains for 20 seconds; nothing of ours takes that long here.
SOON_S = 20


def test_who_kills_the_parent_leaves_nobody_behind(engine: Engine) -> None:
    email, check = engine.linger(QueueName.MAIL), engine.linger(QueueName.CHECKS)
    tree = engine.tree
    assert tree.children() | {tree.pid, email.pid, check.pid} == tree.pids()
    tree.send(signal.SIGKILL)
    eventually(lambda: not tree.pids(), within_s=SOON_S)
    assert not email.is_done
    assert not check.is_done


def test_term_lets_running_jobs_finish_and_takes_on_no_new_ones(engine: Engine) -> None:
    email = engine.linger(QueueName.MAIL)
    tree = engine.tree
    tree.send(signal.SIGTERM)
    eventually(lambda: tree.children() == {email.worker}, within_s=SOON_S)
    waiting = engine.note(QueueName.MAIL)
    email.finish()
    assert tree.wait(SOON_S) == 0
    assert email.is_done
    assert not waiting.exists()
    assert tree.pids() == set()


def test_term_to_every_process_twice_lets_running_jobs_finish(engine: Engine) -> None:
    email, check = engine.linger(QueueName.MAIL), engine.linger(QueueName.CHECKS)
    tree = engine.tree
    tree.send(signal.SIGTERM, *tree.pids())
    time.sleep(1.2)  # a second TERM after more than a second is what RQ kills its job for
    tree.send(signal.SIGTERM, *tree.pids())
    email.finish()
    check.finish()
    assert tree.wait(SOON_S) == 0
    assert email.is_done
    assert check.is_done


def test_term_lets_a_job_finish_though_redis_is_away(engine: Engine) -> None:
    email = engine.linger(QueueName.MAIL)
    tree = engine.tree
    with engine.redis.away():
        tree.send(signal.SIGTERM)
        eventually(lambda: tree.children() == {email.worker}, within_s=SOON_S)
        email.finish()
        tree.wait(SOON_S)
    assert email.is_done
