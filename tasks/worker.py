"""The worker: two processes that run jobs, one of them for `checks` only, under one parent.

The parent loads the app once and forks, so that the two share its memory. It starts again whichever
dies, and where nobody schedules it starts a scheduler too: a small deployment has no third dyno.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import redis
import structlog
from flask import Flask
from rq import Queue, Worker
from rq.job import Job
from sqlalchemy.exc import SQLAlchemyError

from tasks import desk, mail, payments, schedule
from webapp import jobs
from webapp.core.process import die_with_parent
from webapp.domain.desk import job_runs
from webapp.extensions import connect_redis, db, settings
from webapp.jobs import QueueName

logger = structlog.get_logger(__name__)

# What waits longest for nobody comes first in the process that takes everything.
EVERYTHING: Final = (QueueName.CHECKS, QueueName.MAIL, QueueName.DESK)
CHECKS_ONLY: Final = (QueueName.CHECKS,)

NOBODY_SCHEDULES_AFTER_S: Final = 60.0
_LOOK_EVERY_S: Final = 10.0
_LONGEST_BACKOFF_S: Final = 5.0
# Heroku kills 30 seconds after TERM; a job drains for 20.
_GRACE_S: Final = 27.0

# Loaded before the fork: a job's process finds its function without importing anything.
_LOADED = (desk, mail, payments)


class AppWorker(Worker):
    """Runs each job in a process of its own, inside an app context."""

    app: Flask

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Begin a job's process: it dies with the worker, and shares no socket with it."""
        die_with_parent()
        with self.app.app_context():
            db.engine.dispose(close=False)
            super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Let a job finish: Heroku sends TERM to every process of the dyno, the jobs' too."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def perform_job(self, job: Job, queue: Queue) -> bool:
        """Run one job. From its start on, a kick asks for another run."""
        jobs.started(job.func_name or "")
        return super().perform_job(job, queue)


@dataclass
class _Child:
    """One process of ours, and how often in a row it ended at once."""

    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    quick_ends: int = 0
    not_before: float = 0.0


@dataclass
class Parent:
    """Keeps the children running until told to stop."""

    app: Flask
    children: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _nobody_since: float = field(default_factory=time.monotonic)
    _next_look: float = 0.0

    def keep_running(self) -> None:
        """Start the children and start again what ends, until TERM or INT; then end in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._start_missing()
            self._reap()
            self._look_for_a_scheduler()
            time.sleep(0.2)
        self._end()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _start_missing(self) -> None:
        for child in self.children:
            if child.pid == 0 and time.monotonic() >= child.not_before:
                child.started = time.monotonic()
                child.pid = _fork(child.run)
                logger.info("worker_started", name=child.name, pid=child.pid)

    def _reap(self) -> None:
        for child in self.children:
            if child.pid == 0:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            lived = time.monotonic() - child.started
            child.quick_ends = child.quick_ends + 1 if lived < _LONGEST_BACKOFF_S else 0
            wait = min(float(child.quick_ends), _LONGEST_BACKOFF_S)
            child.pid, child.not_before = 0, time.monotonic() + wait
            logger.warning("worker_ended", name=child.name, status=status, again_in_s=wait)

    def _look_for_a_scheduler(self) -> None:
        """Start a scheduler of our own when none has shown a sign of life for a minute."""
        now = time.monotonic()
        if now < self._next_look or any(child.name == "scheduler" for child in self.children):
            return
        self._next_look = now + _LOOK_EVERY_S
        if _somebody_schedules(self.app):
            self._nobody_since = now
        elif now - self._nobody_since > NOBODY_SCHEDULES_AFTER_S:
            logger.warning("nobody_schedules", starting="a scheduler of our own")
            self.children.append(_Child("scheduler", lambda: _schedule(self.app)))

    def _end(self) -> None:
        """Let every child finish its job; kill what takes too long."""
        running = {child.pid for child in self.children if child.pid}
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        while running and time.monotonic() < deadline:
            running -= {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0]}
            time.sleep(0.05)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(run: Callable[[], None]) -> int:
    """Run a function in a process of its own that dies with this one."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(parent)
        run()
        code = 0
    except (redis.RedisError, SQLAlchemyError) as error:
        logger.warning("worker_interrupted", reason=type(error).__name__)
    except BaseException:
        logger.exception("worker_failed")
    finally:
        sys.stdout.flush()
        os._exit(code)


def _work(app: Flask, queues: Sequence[QueueName]) -> None:
    with app.app_context():
        # Its own client, without a timeout: it waits for jobs for minutes.
        connection = connect_redis(settings.redis_url, timeout_s=None)
    worker = AppWorker([Queue(name, connection=connection) for name in queues])
    worker.app = app
    worker.log_job_description = False
    worker.work(logging_level="WARNING")


def _schedule(app: Flask) -> None:
    stop = schedule.stop_on_signals()
    schedule.run(app, stop, holder=schedule.holder_name("worker"))


def _somebody_schedules(app: Flask) -> bool:
    """Ask the database for a scheduler's sign of life. Without an answer, assume one."""
    with app.app_context():
        try:
            silence = job_runs.silent_for(job_runs.SCHEDULER)
        except SQLAlchemyError:
            return True
        finally:
            db.session.remove()
            db.engine.dispose()  # the next fork must not inherit a connection
    return silence is not None and silence.total_seconds() < NOBODY_SCHEDULES_AFTER_S


def main() -> None:
    """Run the worker dyno's processes until TERM or INT."""
    from wsgi import app  # noqa: PLC0415  # the app is built where the process is known

    logging.getLogger("rq").setLevel(logging.WARNING)
    parent = Parent(app)
    parent.children = [
        _Child("everything", lambda: _work(app, EVERYTHING)),
        _Child("checks", lambda: _work(app, CHECKS_ONLY)),
    ]
    parent.keep_running()


if __name__ == "__main__":
    main()
