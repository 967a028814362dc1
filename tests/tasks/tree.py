"""A program of ours with all the processes that it started."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dev import runs
from dev.paths import ROOT


class Tree:
    """`python -m <module>`, whose descendants are found by a mark that they all inherit."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._run = runs.new_run()
        self.log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env={**environment, runs.RUN: self._run},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The number of the process that was started: the parent of the others."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the parent has not ended."""
        return self._process.poll() is None

    def pids(self) -> set[int]:
        """Return the numbers of all that live, the parent's among them."""
        return {pid for pid in runs.carriers(self._run) if runs.is_alive(pid)}

    def children(self) -> set[int]:
        """Return the numbers of those that the parent itself started."""
        return children_of(self.pid)

    def send(self, number: signal.Signals, *pids: int) -> None:
        """Send a signal to these, or to the parent."""
        runs.send(pids or [self.pid], number)

    def wait(self, within_s: float) -> int:
        """Wait for the parent's end and return its exit code."""
        return self._process.wait(within_s)

    def end(self) -> None:
        """Kill whatever is left."""
        runs.end_found(self.pids, first=signal.SIGKILL, grace_s=0)
        self._process.wait()


def children_of(parent: int) -> set[int]:
    """Return the numbers of the living processes that this one started."""
    return {pid for pid in runs.pids() if runs.is_alive(pid) and _parent_of(pid) == parent}


def _parent_of(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])
