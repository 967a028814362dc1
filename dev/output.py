"""Where a child's output goes: to a file, or line by line to ours with its name before it."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from dev.terminal import say

_TAIL: Final = 15
_DRAIN_S: Final = 1.0


class Output:
    """The output of one named process, over all its starts. `logs` None means: to our own."""

    def __init__(self, name: str, logs: Path | None) -> None:
        self._name = name
        self._file = logs / f"{name}.log" if logs else None
        self._last: deque[str] = deque(maxlen=_TAIL)
        self._reader: threading.Thread | None = None
        if self._file:
            self._file.write_bytes(b"")

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open what the next start of the process writes to."""
        if self._file:
            with self._file.open("ab") as file:
                yield file
            return
        source, target = map(os.fdopen, os.pipe(), ("rb", "wb"))
        self._reader = threading.Thread(target=self._pass_on, args=(source,), daemon=True)
        self._reader.start()
        with target:
            yield target

    def drain(self) -> None:
        """Wait until the last words of a process that has ended are passed on."""
        if self._reader:
            self._reader.join(_DRAIN_S)

    def tail(self) -> str:
        """Return its last lines, on lines of their own; empty when it said nothing."""
        lines = list(self._last)
        if self._file:
            lines = self._file.read_text(errors="replace").splitlines()[-_TAIL:]
        return "".join(f"\n  {self._name} | {line}" for line in lines)

    def _pass_on(self, source: IO[bytes]) -> None:
        with source:
            for raw in source:
                line = raw.decode(errors="replace").rstrip("\n")
                self._last.append(line)
                # When nobody reads us any more, the process must not hang on its full pipe.
                with suppress(OSError, ValueError):
                    say(f"{self._name:<9} | {line}")
