"""A parent of processes: starts again whichever ends, and takes all of them with it when it ends.

It touches neither Redis nor PostgreSQL, so nothing that hangs there keeps it from its work.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

import redis
import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.core.process import die_with_parent

logger = structlog.get_logger(__name__)

STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT})

# Heroku kills 30 seconds after TERM; a job drains for 20.
GRACE_S: Final = 27.0

_TURN_S: Final = 0.2
# Who ends within so many seconds of its start is started again with a pause: 1 s, then 2 s.
_QUICK_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 2.0


@dataclass
class Child:
    """One process, and how often in a row it ended at once."""

    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    quick_ends: int = 0
    not_before: float = 0.0


class Parent:
    """Keeps its children running until told to stop."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._is_stopping = False

    def keep_running(self) -> None:
        """Start the children and start again what ends, until TERM or INT; then end in order."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        while not self._is_stopping:
            self._start_missing()
            time.sleep(_TURN_S)
            self._reap()
        self._end()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _start_missing(self) -> None:
        for child in self._children:
            if child.pid == 0 and time.monotonic() >= child.not_before:
                child.started = time.monotonic()
                child.pid = _fork(child.run)
                logger.info("process_started", name=child.name, pid=child.pid)

    def _reap(self) -> None:
        for child in self._children:
            if child.pid == 0:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            lived = time.monotonic() - child.started
            child.quick_ends = child.quick_ends + 1 if lived < _QUICK_S else 0
            pause = min(float(child.quick_ends), _LONGEST_PAUSE_S)
            child.pid, child.not_before = 0, time.monotonic() + pause
            logger.warning("process_ended", name=child.name, status=status, again_in_s=pause)

    def _end(self) -> None:
        """Let every child finish what it does; kill what takes too long."""
        running = {child.pid for child in self._children if child.pid}
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while running and time.monotonic() < deadline:
            running -= {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0]}
            time.sleep(0.05)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Let TERM and INT wait during the block, which forks.

    A new process has its parent's handlers until it sets its own: a signal that came in between
    would be taken and lost. The new process lets them through when it is ready for them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _fork(run: Callable[[], None]) -> int:
    """Run a function in a process of its own that dies with this one."""
    parent = os.getpid()
    with stop_signals_held():
        pid = os.fork()
        if pid == 0:
            _become(run, parent)
    return pid


def _become(run: Callable[[], None], parent: int) -> None:
    """Be the new process: run the function, and end."""
    code = 1
    try:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        die_with_parent(parent)
        run()
        code = 0
    except (redis.RedisError, SQLAlchemyError) as error:
        logger.warning("process_interrupted", reason=type(error).__name__)
    except BaseException:
        logger.exception("process_failed")
    finally:
        sys.stdout.flush()
        os._exit(code)
