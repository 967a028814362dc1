"""The worker's process for `checks` without the others: `python -m bench.checks`."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from bench.rows import Books
from dev.processes import Program
from dev.stack import Stack
from tasks import worker
from webapp import jobs
from webapp.domain.transaction import step_outside
from webapp.jobs import JobName

_PATIENCE_S: Final = 300

_RUNS: Final = """
    SELECT count(*) AS runs, coalesce(sum(processed), 0) AS processed, sum(errors) AS errors,
           extract(epoch FROM max(ended_at) - min(started_at))::float8 AS seconds
    FROM job_run WHERE id > %s
"""


@contextmanager
def working(stack: Stack, name: str = "checks", **changes: str) -> Iterator[None]:
    """Keep a worker for `checks` while the block lasts, with these settings changed."""
    command = [sys.executable, "-m", "bench.checks"]
    stack.processes.start(Program(name, command, stack.environment | changes))
    try:
        yield
    finally:
        stack.processes.stop(name)


def last_run(books: Books) -> int:
    """Return the number of the last run of a job that found something to do."""
    row = books.execute("SELECT coalesce(max(id), 0) AS id FROM job_run").fetchone()
    assert row is not None
    return int(row["id"])


def run(books: Books, job: JobName, *, until: int) -> dict[str, Any]:
    """Ask for a job and wait until so many rows were processed; return what it says of itself.

    Raises:
        RuntimeError: they were not within five minutes.
    """
    before = last_run(books)
    step_outside()  # who looks on for so long must not hold a transaction open
    jobs.kick(job)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        row = books.execute(_RUNS.encode(), [before]).fetchone()
        assert row is not None
        if row["processed"] >= until:
            return row
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {row['processed']} of {until} were processed")
        time.sleep(0.1)


def main() -> None:
    """Run the jobs of this queue until TERM."""
    from wsgi import app  # noqa: PLC0415  # the app is built where the process is known

    logging.getLogger("rq").setLevel(logging.WARNING)
    worker._prepare()  # noqa: SLF001  # just what the worker's parent does
    worker._work(app, worker.CHECKS_ONLY)  # noqa: SLF001  # and its child


if __name__ == "__main__":
    main()
