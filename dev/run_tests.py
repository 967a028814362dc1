"""`make test`: pytest on a database cluster and a Redis of its own, on every core."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from dev import bootstrap, paths, runs, services
from dev.services import Services
from dev.signals import Stopped, stopped_by_signals
from dev.terminal import finish

_GRACE_S: Final = 10


def main(words: list[str]) -> int:
    """Run pytest with these words (all tests without any) and return its own exit code."""
    began = time.monotonic()
    with stopped_by_signals(), services.started() as ready:
        before_s = time.monotonic() - began
        code = _pytest(words, ready)
        print(
            f"Tests {time.monotonic() - began - before_s:.1f} s; before them: "
            f"installation {os.environ.get(bootstrap.SECONDS, '0.0')} s, "
            f"PostgreSQL and Redis {before_s:.1f} s."
        )
    return code


def _pytest(words: list[str], ready: Services) -> int:
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={paths.VAR / 'cache' / 'pytest'}"]
    command += [*_side_by_side(words), *words]
    with subprocess.Popen(
        command, env=ready.processes.marked(ready.environment, "pytest")
    ) as pytest:
        try:
            return pytest.wait()
        except Stopped as stopped:
            # A terminal sends its Ctrl-C to pytest and its workers too, every other signal is ours.
            if stopped.number != signal.SIGINT:
                found = runs.carriers(ready.processes.run)
                runs.send([pid for pid, name in found.items() if name == "pytest"], signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                pytest.wait(_GRACE_S)
            pytest.kill()
            raise


def _side_by_side(words: list[str]) -> list[str]:
    """Return the options for a worker per core and one more; none where one file is named."""
    # Tests that share what is slow to start say so by their group, and stay in one process.
    grouped = ["--dist", "loadgroup"]
    if any(word.startswith(("-n", "--numprocesses")) for word in words):
        return grouped
    named = [Path(word.partition("::")[0]) for word in words if not word.startswith("-")]
    existing = [path for path in named if path.exists()]
    if len(existing) == 1 and existing[0].is_file():
        return []
    workers = os.environ.get("TEST_WORKERS") or str(len(os.sched_getaffinity(0)) + 1)
    return ["-n", workers, *grouped]


if __name__ == "__main__":
    finish(main)
