"""A PostgreSQL and a Redis for tests, in a folder that no other run uses meanwhile."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from dev import native, paths, settings
from dev.postgres import Postgres
from dev.processes import Processes
from dev.redis import Redis
from dev.terminal import CommandError

_SLOTS: Final = 10
# Nobody listens there: a test that forgot to say where its page or its bank is fails at once.
_NOWHERE: Final = 9


@dataclass(frozen=True)
class Services:
    """What tests run on. Whatever is started for them takes its environment from here."""

    folder: Path
    processes: Processes
    environment: Mapping[str, str]


@contextmanager
def started() -> Iterator[Services]:
    """Run the services for the block; several commands may do so side by side.

    Raises:
        CommandError: a service does not come up, or too many commands run already.
    """
    paths.check_place()
    with (
        paths.removed_temporary_folder(),
        _slot() as (folder, lock),
        Processes(folder / "log", held=[lock]) as processes,
    ):
        yield Services(folder, processes, _start(processes, folder))


@contextmanager
def _slot() -> Iterator[tuple[Path, IO[str]]]:
    """Hold a folder for the block.

    It is empty at the start, and at the end only the logs and the mail stay in it.
    """
    for number in range(_SLOTS):
        folder = paths.VAR / "test" / str(number)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                yield folder, lock
            finally:
                for used in ("postgres", "run"):
                    shutil.rmtree(folder / used, ignore_errors=True)
            return
    raise CommandError(f"Tests already run {_SLOTS} times in this folder.")


def _start(processes: Processes, folder: Path) -> dict[str, str]:
    postgres = Postgres(processes, folder / "postgres", folder, is_durable=False)
    postgres.start()
    redis = Redis(processes, folder)
    redis.start()
    return {
        **paths.environment(),
        **settings.application(
            folder, port=_NOWHERE, bank_port=_NOWHERE, secret_settings=settings.TEST_SECRETS
        ),
        "ENVIRONMENT": "test",
        "DATABASE_URL": postgres.url(),
        "REDIS_URL": redis.url,
        "CHROMIUM": os.environ.get("CHROMIUM") or native.browser() or "",
    }
