"""Job runs: what the background did, and signs that it is alive."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from webapp.core import clock
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Heartbeat, JobRun

logger = structlog.get_logger(__name__)

SCHEDULER = "scheduler"


@dataclass
class Work:
    """What a run did, filled in by the job."""

    processed: int = 0
    errors: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


@contextmanager
def noted(job_name: str) -> Iterator[Work]:
    """Run a job and leave a row of it. Runs that found nothing to do leave none.

    An error is noted and raised again: the queue shows it among the failed jobs.
    """
    work = Work()
    started_at, began = clock.now(), time.monotonic()
    try:
        yield work
    except BaseException:
        work.errors += 1
        _write(job_name, work, started_at, time.monotonic() - began, is_success=False)
        raise
    if work.processed or work.errors:
        _write(job_name, work, started_at, time.monotonic() - began, is_success=True)


def _write(
    job_name: str, work: Work, started_at: datetime, seconds: float, *, is_success: bool
) -> None:
    with transaction():
        db.session.add(
            JobRun(
                job_name=job_name,
                started_at=started_at,
                ended_at=started_at + timedelta(seconds=seconds),
                is_success=is_success,
                processed=work.processed,
                errors=work.errors,
                detail=work.detail,
            )
        )
    logger.info(
        "job_run",
        job=job_name,
        is_success=is_success,
        processed=work.processed,
        errors=work.errors,
        seconds=round(seconds, 3),
    )


def beat(name: str, holder: str, *, lapses_after: timedelta) -> bool:
    """Say that this holder is alive under a name, by PostgreSQL's clock.

    Returns:
        False when another holder has said so less than `lapses_after` ago: the name is theirs.
    """
    is_free = or_(Heartbeat.holder == holder, Heartbeat.beat_at < func.now() - lapses_after)
    with transaction():
        row = insert(Heartbeat).values(name=name, beat_at=func.now(), holder=holder)
        held = db.session.scalar(
            row.on_conflict_do_update(
                index_elements=[Heartbeat.name],
                set_={"beat_at": func.now(), "holder": holder},
                where=is_free,
            ).returning(Heartbeat.holder)
        )
    return held is not None


def silent_for(name: str) -> timedelta | None:
    """Return how long ago a process of this name was last alive; None when it never was."""
    query = select(func.clock_timestamp() - Heartbeat.beat_at).where(Heartbeat.name == name)
    return db.session.scalar(query)
