"""How the commands speak: a line for each step with its seconds, one sentence when they refuse."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from dev.signals import Stopped


class CommandError(Exception):
    """The command stops here; the text is the sentence that says why and what to do."""


class _Screen:
    """Our standard output, written by several threads: whole lines, but for a step's first half."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open_line = ""

    def say(self, line: str) -> None:
        with self._lock:
            if self._open_line:
                print()
            self._open_line = ""
            print(line, flush=True)

    def begin(self, name: str) -> None:
        with self._lock:
            self._open_line = f"  {name:<28}"
            print(self._open_line, end="", flush=True)

    def finish(self, name: str, result: str) -> None:
        with self._lock:
            start = "" if self._open_line else f"  {name:<28}"
            self._open_line = ""
            print(f"{start}{result}", flush=True)


_screen = _Screen()
say = _screen.say


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the name before the block and its seconds after it."""
    _screen.begin(name)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        _screen.finish(name, "")
        raise
    _screen.finish(name, f"{time.monotonic() - started:6.1f} s")


def finish(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a command with the words of its command line and exit with its code.

    A `CommandError` is printed as it is and gives code 1; a signal gives 128 and its number.
    """
    try:
        code = main(sys.argv[1:])
    except CommandError as error:
        print(error, file=sys.stderr)
        code = 1
    except Stopped as stopped:
        code = 128 + stopped.number
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
