"""The process that we are in: its end when the process that started it has ended."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have this process killed as soon as its parent ends, however the parent ends.

    For a process that must not work on alone, such as a job's process whose worker was killed.
    `parent` is the number of the parent where the caller knows it: then a parent that ended before
    this call is noticed too. Otherwise call it early. Linux counts the thread that started this
    process as its parent; on other systems nothing happens.
    """
    if sys.platform != "linux":
        return
    expected = os.getppid() if parent is None else parent
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have ended while we asked for its death: then no signal comes any more.
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)
