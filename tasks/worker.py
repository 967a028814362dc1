"""The worker: two processes that run jobs, one of them for `checks` only, under one parent.

The parent loads the app once and forks, so that all share its memory. A third process stands by to
schedule: it does so as soon as nobody else does, because a small deployment has no third dyno.
"""

import gc
import logging
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Final

import structlog
from flask import Flask
from rq import Queue, Worker
from rq.job import Job
from sqlalchemy.orm import configure_mappers

from tasks import desk, mail, payments, schedule
from tasks.parent import STOP_SIGNALS, Child, Parent, stop_signals_held
from webapp import jobs, paper
from webapp.core.process import die_with_parent
from webapp.extensions import connect_redis, db, settings
from webapp.jobs import QueueName
from webapp.providers import http

logger = structlog.get_logger(__name__)

# In the process that takes everything the rarest comes first, so that nothing waits for ever behind
# what always comes anew; checks come last, because the other process is there for nothing else.
EVERYTHING: Final = (QueueName.DESK, QueueName.MAIL, QueueName.CHECKS)
CHECKS_ONLY: Final = (QueueName.CHECKS,)

# RQ asks Redis for a job for 15 s less than this and gives Redis up 10 s later: a connection that
# has silently died is noticed within 15 s.
_WORKER_TTL_S: Final = 20

# Loaded before the fork: a job's process finds its function without importing anything.
_LOADED = (desk, mail, payments)


class AppWorker(Worker):
    """Runs each job in a process of its own, inside an app context."""

    app: Flask
    # RQ doubles its waits for a Redis that is away, up to a minute: jobs would wait as long.
    max_connection_wait_time = 2.0

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork a job's process."""
        with stop_signals_held():
            super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Begin a job's process: it dies with the worker, and shares no socket with it."""
        self.setup_work_horse_signals()
        die_with_parent(self.pid)
        with self.app.app_context():
            db.engine.dispose(close=False)
            super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Let a job finish: Heroku sends TERM to every process of the dyno, the jobs' too."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Go on waiting for the job: the second TERM is our parent's, the first the platform's."""

    def set_shutdown_requested_date(self) -> None:
        """Tell Redis nothing: where it is away, RQ would drop the running job for this note."""

    def perform_job(self, job: Job, queue: Queue) -> bool:
        """Run one job. From its start on, a kick asks for another run."""
        jobs.started(job.func_name or "")
        return super().perform_job(job, queue)


def _work(app: Flask, queues: Sequence[QueueName]) -> None:
    with app.app_context():
        connection = connect_redis(settings.redis_url, timeout_s=None)  # RQ sets its own
    worker = AppWorker(
        [Queue(name, connection=connection) for name in queues], worker_ttl=_WORKER_TTL_S
    )
    worker.app = app
    worker.log_job_description = False
    worker.work(logging_level="WARNING")


def _stand_by(app: Flask) -> None:
    stop = schedule.stop_on_signals()
    schedule.run(app, stop, holder=schedule.holder_name("worker"))


def _prepare() -> None:
    """Do once what every job's process would otherwise do again. Nothing outside is touched.

    No ticket is printed here: newer versions of Pango keep a thread for their fonts, and a process
    forked from one that had it would wait for that thread for ever.
    """
    try:
        configure_mappers()
        http.prepare()
        paper.prepare()
    except Exception:
        logger.exception("not_prepared")  # slower jobs are better than none
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that they share


def main() -> None:
    """Run the worker dyno's processes until TERM or INT."""
    from wsgi import app  # noqa: PLC0415  # the app is built where the process is known

    logging.getLogger("rq").setLevel(logging.WARNING)
    _prepare()
    Parent(
        [
            Child("everything", lambda: _work(app, EVERYTHING)),
            Child("checks", lambda: _work(app, CHECKS_ONLY)),
            Child("scheduler", lambda: _stand_by(app)),
        ]
    ).keep_running()


if __name__ == "__main__":
    main()
