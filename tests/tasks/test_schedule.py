from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from rq import Queue
from rq.job import Job

from tasks import schedule
from tasks.schedule import PeriodicScheduler
from tests.tasks.engine import FragileRedis
from webapp.core import clock
from webapp.extensions import settings
from webapp.jobs import QUEUE_OF, JobName

WANTED: Mapping[JobName, int] = {
    JobName.VERIFICATION: 5,
    JobName.TICKET_EMAIL: 10,
    JobName.AUDIT: 86_400,
}
SCHEDULED = "rq:scheduler:scheduled_jobs"


@pytest.fixture
def scheduler(queues: FragileRedis) -> PeriodicScheduler:
    return PeriodicScheduler(connection=queues.client, interval=1)


def held(queues: FragileRedis) -> dict[str, float]:
    """Return the scheduled jobs and when they are due."""
    found: Any = queues.client.zrange(SCHEDULED, 0, -1, withscores=True)
    return {raw.decode(): due for raw, due in found}


def waiting(queues: FragileRedis) -> list[str]:
    """Return the names of the jobs in all queues."""
    found = [Queue(name, connection=queues.client).jobs for name in set(QUEUE_OF.values())]
    return sorted(str(job.func_name) for jobs in found for job in jobs)


def make_all_due(queues: FragileRedis) -> None:
    for job_id in held(queues):
        queues.client.zadd(SCHEDULED, {job_id: clock.now().timestamp() - 1})


def test_every_periodic_job_has_its_interval(queues: FragileRedis) -> None:
    assert schedule.every(settings) == {
        JobName.VERIFICATION: 5,
        JobName.EXPIRY: 30,
        JobName.REFUNDS: 15,
        JobName.TICKET_EMAIL: 10,
        JobName.SESSION_CLEANUP: 300,
        JobName.TOKENS: 60,
        JobName.ALERTS: 60,
        JobName.AUDIT: 86_400,
    }
    assert set(schedule.every(settings)) == set(JobName) - {JobName.CHECK}


def test_an_empty_redis_is_filled_and_everything_is_due_at_once(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    scheduler.reconcile(WANTED)
    scheduler.enqueue_due()
    assert waiting(queues) == sorted(WANTED)
    for name in WANTED:
        (job,) = [
            job
            for job in Queue(QUEUE_OF[name], connection=queues.client).jobs
            if job.func_name == name
        ]
        assert job.timeout == settings.job_timeout_s
    dues = held(queues).values()
    now = clock.now().timestamp()
    assert sorted(round((due - now) / 5) for due in dues) == [1, 2, 17_280]


def test_what_is_unknown_is_removed_whatever_it_is(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    for unknown in (b"of-an-older-release", b"\xff\xfe"):
        queues.client.zadd(SCHEDULED, {unknown: 1})
    scheduler.reconcile(WANTED)
    assert len(held(queues)) == len(WANTED)


def test_what_is_there_keeps_its_time(queues: FragileRedis, scheduler: PeriodicScheduler) -> None:
    scheduler.reconcile(WANTED)
    later = clock.now().timestamp() + 4_000
    for job_id in held(queues):
        queues.client.zadd(SCHEDULED, {job_id: later})
    scheduler.reconcile(WANTED)
    assert set(held(queues).values()) == {later}


def test_a_changed_interval_is_a_new_job_that_is_due_at_once(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    scheduler.reconcile(WANTED)
    scheduler.enqueue_due()
    before = held(queues)
    scheduler.reconcile({**WANTED, JobName.AUDIT: 3_600})
    after = held(queues)
    (new,) = set(after) - set(before)
    assert len(after) == len(before)
    assert after[new] <= clock.now().timestamp()
    assert Job.fetch(new, connection=queues.client).meta["interval"] == 3_600


@pytest.mark.parametrize(
    "spoil",
    [
        {"data": b"no pickle at all"},
        {"data": b"\x80\x05\x8c\x07nowhere\x94."},
        {"meta": b"no pickle either"},
        {},
    ],
    ids=["no pickle", "not a job", "no interval", "no body"],
)
def test_a_job_that_cannot_be_read_stops_no_other_and_is_made_anew(
    queues: FragileRedis, scheduler: PeriodicScheduler, spoil: dict[Any, Any]
) -> None:
    scheduler.reconcile(WANTED)
    (broken,) = (job_id for job_id in held(queues) if "verification" in job_id)
    key = Job.key_for(broken)
    if spoil:
        queues.client.hset(key, mapping=spoil)
    else:
        queues.client.delete(key)
    for _ in range(2):
        make_all_due(queues)
        scheduler.reconcile(WANTED)
        scheduler.enqueue_due()
    assert waiting(queues) == sorted(WANTED)


def test_what_a_failed_run_leaves_is_kept_for_an_hour(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    scheduler.reconcile(WANTED)
    scheduler.enqueue_due()
    found = [Queue(name, connection=queues.client).jobs for name in set(QUEUE_OF.values())]
    assert [job.failure_ttl for jobs in found for job in jobs] == [3600] * 3


def test_a_queue_without_workers_does_not_grow(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    for _ in range(10):
        scheduler.reconcile(WANTED)
        make_all_due(queues)
        scheduler.enqueue_due()
    assert waiting(queues) == sorted(WANTED)
    assert min(held(queues).values()) > clock.now().timestamp()


def test_a_job_that_was_taken_is_queued_again_at_its_next_time(
    queues: FragileRedis, scheduler: PeriodicScheduler
) -> None:
    scheduler.reconcile({JobName.TICKET_EMAIL: 10})
    scheduler.enqueue_due()
    assert queues.client.lpop("rq:queue:mail") is not None
    scheduler.enqueue_due()
    assert waiting(queues) == []
    with clock.shifted(timedelta(seconds=10)):
        scheduler.enqueue_due()
    assert waiting(queues) == [JobName.TICKET_EMAIL]
