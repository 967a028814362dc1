"""Chaos: kills what runs, at random moments, until told to stop."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import redis

from dev import runs
from dev.stack import Stack

# How often each accident happens, against the others.
_ACCIDENTS: Final = {
    "web": 4, "worker": 4, "scheduler": 3, "bank": 4, "job": 5, "redis emptied": 2,
}  # fmt: skip
_PAUSE_S: Final = (0.8, 3.0)
_FIRST_RESTART_S: Final = 20.0


class Chaos:
    """Accidents in a thread of their own while the block lasts; PostgreSQL is restarted once."""

    def __init__(self, stack: Stack, dice: random.Random) -> None:
        self.happened: Counter[str] = Counter()
        self._stack = stack
        self._dice = dice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos")
        self._restart = threading.Timer(_FIRST_RESTART_S, self._restart_postgres)

    def __enter__(self) -> Self:
        self._thread.start()
        self._restart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._restart.join()
        self._thread.join()

    def summary(self) -> str:
        """Say what happened how often."""
        return ", ".join(f"{times} x {name}" for name, times in self.happened.most_common())

    def _run(self) -> None:
        while not self._stop.wait(self._dice.uniform(*_PAUSE_S)):
            (accident,) = self._dice.choices(list(_ACCIDENTS), weights=list(_ACCIDENTS.values()))
            with suppress(ProcessLookupError, redis.RedisError):
                self._happen(accident)

    def _happen(self, accident: str) -> None:
        match accident:
            case "redis emptied":
                with redis.Redis.from_url(self._stack.redis.url) as client:
                    client.flushall()
            case "job":
                if not self._kill_a_job():
                    return
            case _:
                self._stack.kill(accident)
        self.happened[accident] += 1

    def _kill_a_job(self) -> bool:
        """Kill a process that runs a job just now: a grandchild of the worker."""
        worker = self._stack.processes.pid("worker")
        children = _children(worker)
        jobs = [pid for child in children for pid in _children(child)]
        if not jobs:
            return False
        os.kill(self._dice.choice(jobs), signal.SIGKILL)
        return True

    def _restart_postgres(self) -> None:
        self._stack.postgres.restart()
        self.happened["PostgreSQL restarted"] += 1


def _children(parent: int) -> list[int]:
    found = []
    for pid in runs.pids():
        with suppress(OSError), open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  # short-lived
            if int(stat.read().rpartition(")")[2].split()[1]) == parent:
                found.append(pid)
    return found
