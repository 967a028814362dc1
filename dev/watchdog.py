"""Ends a run when the command that started it is gone, even if that was killed.

It reads from a pipe whose other end only that command holds: the end of the pipe is the end of the
command. It survives the signals of a closing terminal and carries no mark of the run itself.
"""

import signal
import sys

from dev import runs

_GRACE_S = 2.0


def main(run: str) -> None:
    """Wait for the end of the command, then end its run."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    runs.end(run, grace_s=_GRACE_S)


if __name__ == "__main__":
    main(sys.argv[1])
