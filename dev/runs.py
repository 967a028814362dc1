"""A run: all the processes that one command started, found by a mark in their environment.

A process may leave its group, its session and its parent, but not its environment. So whatever
happens to the command, the processes of its run can be found in /proc and ended.
"""

import os
import secrets
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

RUN: Final = "TILLGATE_RUN"
NAME: Final = "TILLGATE_PROCESS"

# They end last, when nobody uses them any more; INT is their quick and orderly end.
SERVICES: Final = frozenset({"postgres", "redis"})

_SERVICE_GRACE_S: Final = 10
_AFTER_KILL_S: Final = 10


def new_run() -> str:
    """Return an unguessable id. A run inside a run carries both: ending the outer ends it too."""
    own = secrets.token_hex(6)
    outer = os.environ.get(RUN)
    return f"{outer}/{own}" if outer else own


def carriers(run: str) -> dict[int, str]:
    """Return the living processes of the run: number → the name it was started under."""
    mark = f"{RUN}={run}".encode()
    found = {}
    for pid in pids():
        with suppress(OSError):  # it has just ended, or it is somebody else's
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if any(one == mark or one.startswith(mark + b"/") for one in variables):
                name = next((one for one in variables if one.startswith(NAME.encode())), b"=")
                found[pid] = name.partition(b"=")[2].decode()
    found.pop(os.getpid(), None)
    return found


def pids() -> list[int]:
    """Return the numbers of all processes of the machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # names only


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs; one that only waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def end(run: str, *, grace_s: float) -> None:
    """End every process of the run: first the application, then PostgreSQL and Redis.

    The application is killed after `grace_s` seconds.
    """
    end_found(
        lambda: [pid for pid, name in carriers(run).items() if name not in SERVICES],
        first=signal.SIGTERM,
        grace_s=grace_s,
    )
    end_found(lambda: carriers(run), first=signal.SIGINT, grace_s=_SERVICE_GRACE_S)


def end_found(
    find: Callable[[], Collection[int]], *, first: signal.Signals, grace_s: float
) -> None:
    """Send a signal to what `find` finds, and KILL to what is still found after the grace.

    Returns when nothing is found any more; gives up on what outlives its KILL by ten seconds.
    """
    began = time.monotonic()
    send(find(), first)
    while left := find():
        waited = time.monotonic() - began
        if waited > grace_s + _AFTER_KILL_S:
            return
        if waited >= grace_s:
            send(left, signal.SIGKILL)
        time.sleep(0.02)


def send(numbers: Collection[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in numbers:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
