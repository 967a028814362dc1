"""INT, TERM and HUP as one exception, so that every `with` on the way closes in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):  # no error: somebody asked for it
    """Somebody asked the command to stop."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"signal {number}")


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise `Stopped` in the block at the first of the signals, and ignore those that follow.

    INT counts even where it came in as ignored, as it does to `make run &` in a script. HUP that
    came in as ignored stays so: that is what `nohup` is for.
    """
    heard = [
        one for one in SIGNALS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN
    ]

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, lambda _number, _frame: None)
        raise Stopped(number)

    for one in heard:
        signal.signal(one, stop)
    yield
