import signal
from pathlib import Path

import pytest
from rq import Queue

from tests.factories import paid
from tests.sandbox.process import eventually
from tests.tasks.engine import Engine
from webapp.domain.desk import job_runs
from webapp.domain.payments import settlement, status
from webapp.extensions import db, settings
from webapp.jobs import JobName, QueueName

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("engine")]


def test_a_slow_email_does_not_hold_up_the_checks(engine: Engine) -> None:
    slow = engine.linger(QueueName.MAIL)
    waiting = engine.note(QueueName.MAIL)
    for _ in range(3):
        engine.works(QueueName.CHECKS)
    assert not waiting.exists()
    assert not slow.is_done
    slow.finish()
    eventually(waiting.exists)


def test_checks_run_in_both_processes_and_emails_in_one(engine: Engine) -> None:
    email = engine.linger(QueueName.MAIL)
    check = engine.linger(QueueName.CHECKS)
    assert {email.worker, check.worker} < engine.tree.children()
    assert email.worker != check.worker
    email.finish()
    second_check = engine.linger(QueueName.CHECKS)
    assert second_check.worker == email.worker
    check.finish()
    second_check.finish()


def test_a_job_runs_inside_the_context_of_the_app(engine: Engine) -> None:
    note = engine.note(QueueName.DESK)
    eventually(note.exists)
    assert note.read_text() == f"{settings.base_url} {db.engine.url.database}"


def test_the_parent_has_no_thread_and_no_connection_that_a_fork_could_break(engine: Engine) -> None:
    process = Path("/proc") / str(engine.tree.pid)
    assert len(list((process / "task").iterdir())) == 1
    open_files = [str(file.readlink()) for file in (process / "fd").iterdir()]
    assert not [name for name in open_files if name.startswith("socket:")]


def test_fifty_jobs_leave_no_connection_to_the_database_behind(engine: Engine) -> None:
    before = _connections()
    notes = [engine.note(queue) for queue in (QueueName.CHECKS, QueueName.MAIL) * 25]
    eventually(lambda: all(note.exists() for note in notes))
    eventually(lambda: _connections() <= before, within_s=10)


def test_a_worker_that_is_killed_takes_its_job_along_and_is_started_again(engine: Engine) -> None:
    slow = engine.linger(QueueName.MAIL)
    parent = engine.tree.pid
    engine.tree.send(signal.SIGKILL, slow.worker)
    eventually(lambda: not {slow.worker, slow.pid} & engine.tree.pids())
    engine.works(QueueName.MAIL)
    assert engine.tree.pid == parent
    assert engine.tree.is_running
    assert not slow.is_done


def test_a_job_that_is_killed_takes_only_itself_away(engine: Engine) -> None:
    slow = engine.linger(QueueName.MAIL)
    engine.tree.send(signal.SIGKILL, slow.pid)
    after = engine.linger(QueueName.MAIL)
    after.finish()
    assert after.worker == slow.worker


def test_a_job_that_cannot_be_read_takes_only_itself_away(engine: Engine) -> None:
    slow = engine.linger(QueueName.MAIL)
    broken = Queue(QueueName.MAIL, connection=engine.redis.client).enqueue("tests.tasks.jobs.x")
    engine.redis.client.hset(broken.key, "data", b"no pickle at all")
    slow.finish()
    after = engine.linger(QueueName.MAIL)
    after.finish()
    assert after.worker == slow.worker


def test_where_nobody_schedules_the_worker_does(engine: Engine) -> None:
    eventually(lambda: _silence_s() < 3)
    periodic = len(JobName) - 1  # all but the check of a single attempt
    eventually(lambda: engine.redis.client.zcard("rq:scheduler:scheduled_jobs") == periodic)


def test_a_promised_email_is_sent_soon_after_the_kick(engine: Engine) -> None:
    attempt = engine.make.pending(ticket_count=1)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    eventually(lambda: status.deliveries(attempt.link_id).emails_sent, within_s=9)
    assert len(list((engine.folder / "mail").glob("*.eml"))) == 1


def test_from_the_start_of_a_job_on_a_kick_asks_for_another_run(engine: Engine) -> None:
    client = engine.redis.client
    client.set(f"kick:{JobName.TICKET_EMAIL}", "1", ex=600)
    Queue(QueueName.MAIL, connection=client).enqueue(JobName.TICKET_EMAIL)
    eventually(lambda: not client.exists(f"kick:{JobName.TICKET_EMAIL}"))


def _connections() -> int:
    """Count who is connected to this database besides us."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with db.engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _silence_s() -> float:
    db.session.rollback()
    silence = job_runs.silent_for(job_runs.SCHEDULER)
    return silence.total_seconds() if silence else float("inf")
