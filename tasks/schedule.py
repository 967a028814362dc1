"""What runs when. rq-scheduler keeps the times in Redis; this loop keeps it alive and honest.

Its own loop dies with Redis, stops for ever at one unreadable job, and believes what it finds. Ours
reconciles on every turn, so that an emptied Redis is filled again within a second.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import redis
import structlog
from flask import Flask
from rq.job import Job
from rq_scheduler import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from webapp.config import Settings
from webapp.core import clock
from webapp.domain.desk import job_runs
from webapp.extensions import connect_redis, settings
from webapp.jobs import FAILURE_KEPT_S, QUEUE_OF, JobName

logger = structlog.get_logger(__name__)

TURN_S: Final = 1.0
# A Redis that hangs must not hang the schedule, nor its end, for longer.
_REDIS_TIMEOUT_S: Final = 1.0
# After so long without a sign of life another scheduler takes over.
_LAPSES_AFTER: Final = timedelta(seconds=10)


def every(values: Settings) -> Mapping[JobName, int]:
    """Return the seconds between two runs of each periodic job."""
    return {
        JobName.VERIFICATION: values.verification_every_s,
        JobName.EXPIRY: values.expiry_every_s,
        JobName.REFUNDS: values.refunds_every_s,
        JobName.TICKET_EMAIL: values.ticket_email_every_s,
        JobName.SESSION_CLEANUP: values.session_cleanup_every_s,
        JobName.TOKENS: values.tokens_every_s,
        JobName.ALERTS: values.alerts_every_s,
        JobName.AUDIT: values.audit_every_s,
    }


class PeriodicScheduler(Scheduler):  # type: ignore[misc]  # rq-scheduler ships no types
    """rq-scheduler without its two ways of stopping everything."""

    def reconcile(self, wanted: Mapping[JobName, int]) -> None:
        """Make Redis hold exactly these jobs. An id carries its interval: a changed one is new.

        What is there already keeps its time, so that a restart runs nothing early or late.
        """
        ids = {
            f"{name}-{seconds}".replace(".", "_").encode(): name for name, seconds in wanted.items()
        }
        held = set(self.connection.zrange(self.scheduled_jobs_key, 0, -1))
        for raw in held - ids.keys():
            self.cancel(raw)  # by its id: reading a broken job's body would raise
        for raw in ids.keys() - held:
            name = ids[raw]
            self.schedule(
                clock.now().replace(tzinfo=None),  # rq-scheduler takes naive UTC
                name.value,
                id=raw.decode(),
                interval=wanted[name],
                queue_name=QUEUE_OF[name].value,
                timeout=settings.job_timeout_s,
            )

    def enqueue_due(self) -> None:
        """Queue what is due. A job that cannot be read is thrown away and made anew."""
        now = clock.now().timestamp()
        for raw in self.connection.zrangebyscore(self.scheduled_jobs_key, 0, now):
            job_id = raw.decode()
            try:
                job = Job.fetch(job_id, connection=self.connection)
                if self._waits_already(job):
                    self._next_time(job)
                else:
                    job.failure_ttl = FAILURE_KEPT_S
                    self.enqueue_job(job)
            except redis.RedisError:
                raise
            except Exception:
                logger.exception("scheduled_job_unreadable", job_id=job_id)
                self.cancel(job_id)

    def _waits_already(self, job: Job) -> bool:
        """With no worker there, a queue would otherwise grow by one run every few seconds."""
        queue = self.get_queue_for_job(job)
        return self.connection.lpos(queue.key, job.id) is not None

    def _next_time(self, job: Job) -> None:
        due = clock.now().timestamp() + int(job.meta["interval"])
        self.connection.zadd(self.scheduled_jobs_key, {job.id: due})


def run(app: Flask, stop: threading.Event, *, holder: str) -> None:
    """Keep the schedule until told to stop, or stand by while another scheduler does.

    With Redis or PostgreSQL away it tries again on every turn: a turn costs next to nothing.
    """
    with app.app_context():
        wanted = every(settings)
        connection = connect_redis(settings.redis_url, timeout_s=_REDIS_TIMEOUT_S)
    scheduler = PeriodicScheduler(connection=connection, interval=TURN_S)
    is_interrupted = False
    while not stop.is_set():
        try:
            with app.app_context():
                if job_runs.beat(job_runs.SCHEDULER, holder, lapses_after=_LAPSES_AFTER):
                    scheduler.reconcile(wanted)
                    scheduler.enqueue_due()
        except (redis.RedisError, SQLAlchemyError) as error:
            if not is_interrupted:
                logger.warning("schedule_interrupted", reason=type(error).__name__)
            is_interrupted = True
        else:
            if is_interrupted:
                logger.info("schedule_resumed")
            is_interrupted = False
        stop.wait(TURN_S)
    connection.close()


def stop_on_signals() -> threading.Event:
    """Return what TERM and INT set from now on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def holder_name(role: str) -> str:
    """Return a name that the same process has again after a restart."""
    return f"{os.environ.get('DYNO') or socket.gethostname()}/{role}"


def main() -> None:
    """Run the scheduler in this process until TERM or INT."""
    from wsgi import app  # noqa: PLC0415  # the app is built where the process is known

    logging.getLogger("rq_scheduler").setLevel(logging.WARNING)
    run(app, stop_on_signals(), holder=holder_name("scheduler"))


if __name__ == "__main__":
    main()
