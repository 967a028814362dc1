"""A process that hangs: its port takes every call, and nobody answers."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dev import runs
from dev.stack import Stack

# In /proc/net/tcp: an established connection.
_ESTABLISHED = "01"


@contextmanager
def hung(stack: Stack, name: str) -> Iterator[None]:
    """Keep a process of the stack from running while the block does."""
    stopped = _pids(stack, name)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def calls_to_the_bank(stack: Stack, name: str) -> int:
    """Return how many connections the processes of this name hold to the bank."""
    sockets = {
        os.readlink(file)  # noqa: PTH115  # what it points to is no file
        for pid in _pids(stack, name)
        for file in _files(pid)
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        int(row[2].rpartition(":")[2], 16) == stack.bank_port
        and row[3] == _ESTABLISHED
        and f"socket:[{row[9]}]" in sockets
        for row in rows
    )


def _pids(stack: Stack, name: str) -> list[int]:
    return [pid for pid, carried in runs.carriers(stack.processes.run).items() if carried == name]


def _files(pid: int) -> list[Path]:
    with suppress(OSError):
        return [file for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]
    return []
