"""How often each link is polled, and from where: counted in this process, for one minute."""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

WINDOW_S: Final = 60
# Of links and of addresses; whoever is one too many in a minute is not counted.
_MOST: Final = 100_000


class PollCounts:
    """Counts what may be asked so often in a minute. All counts begin anew at the same time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._ends = 0.0
        self._counts: dict[str, int] = {}

    def hit(self, limits: dict[str, int]) -> int:
        """Count one request and return how many seconds it has to wait: 0 where it has not.

        Args:
            limits: what it is counted for, each with how often that may be in a minute. Where one
                refuses it, it is not counted for those behind: who polls too much from one address
                does not use up a link that others wait at.
        """
        with self._lock:
            now = self._clock()
            if now >= self._ends:
                self._counts.clear()
                self._ends = now + WINDOW_S
            for name, limit in limits.items():
                count = self._counts.get(name, 0)
                if count >= limit:
                    return math.ceil(self._ends - now)
                if count or len(self._counts) < _MOST:
                    self._counts[name] = count + 1
            return 0
