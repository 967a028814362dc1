"""`make test`: pytest on a database cluster and a Redis of its own, on every core."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from dev import bootstrap, native, paths, runs, settings
from dev.postgres import Postgres
from dev.processes import Processes
from dev.redis import Redis
from dev.signals import Stopped, stopped_by_signals
from dev.terminal import CommandError, finish

_SLOTS: Final = 10
_GRACE_S: Final = 10
# Nobody listens there: a test that forgot to say where its page or its bank is fails at once.
_NOWHERE: Final = 9


def main(words: list[str]) -> int:
    """Run pytest with these words (all tests without any) and return its own exit code."""
    started = time.monotonic()
    paths.check_place()
    with (
        stopped_by_signals(),
        paths.removed_temporary_folder(),
        _slot() as (folder, lock),
        Processes(folder / "log", held=[lock]) as processes,
    ):
        try:
            environment = _start_services(processes, folder)
            ready = time.monotonic()
            code = _pytest(words, environment, processes)
        except Stopped as stopped:
            return 128 + stopped.number
        print(
            f"Tests {time.monotonic() - ready:.1f} s; before them: "
            f"installation {os.environ.get(bootstrap.SECONDS, '0.0')} s, "
            f"PostgreSQL and Redis {ready - started:.1f} s."
        )
    return code


@contextmanager
def _slot() -> Iterator[tuple[Path, IO[str]]]:
    """Hold a folder for the block, so that tests may run several times side by side.

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
    raise CommandError(f"`make test` already runs {_SLOTS} times in this folder.")


def _start_services(processes: Processes, folder: Path) -> dict[str, str]:
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


def _pytest(words: list[str], environment: Mapping[str, str], processes: Processes) -> int:
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={paths.VAR / 'cache' / 'pytest'}"]
    command += [*_side_by_side(words), *words]
    with subprocess.Popen(command, env=processes.marked(environment, "pytest")) as pytest:
        try:
            return pytest.wait()
        except Stopped as stopped:
            # A terminal sends its Ctrl-C to pytest and its workers too, every other signal is ours.
            if stopped.number != signal.SIGINT:
                found = runs.carriers(processes.run)
                runs.send([pid for pid, name in found.items() if name == "pytest"], signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                pytest.wait(_GRACE_S)
            pytest.kill()
            raise


def _side_by_side(words: list[str]) -> list[str]:
    """Return the option for a worker per core and one more; none where one file is named."""
    if any(word.startswith(("-n", "--numprocesses")) for word in words):
        return []
    named = [Path(word.partition("::")[0]) for word in words if not word.startswith("-")]
    existing = [path for path in named if path.exists()]
    if len(existing) == 1 and existing[0].is_file():
        return []
    workers = os.environ.get("TEST_WORKERS") or str(len(os.sched_getaffinity(0)) + 1)
    return ["-n", workers]


if __name__ == "__main__":
    finish(main)
