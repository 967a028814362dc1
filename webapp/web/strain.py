"""How busy this process is with polls; where it is too busy, all pages ask less often."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

# So many seconds are counted together before anybody draws a conclusion.
_COUNTED_S: Final = 5
# Nobody is made to wait longer than this many times as long as usual.
_MOST: Final = 4.0


class Strain:
    """Counts polls. What was counted in the last seconds says how long pages should wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._count = 0
        self._ends = 0.0
        self._per_s = 0.0

    def stretch(self, at_ease_per_s: float) -> float:
        """Count one poll and return how many times as long as usual its page should wait: 1 to 4.

        Args:
            at_ease_per_s: so many polls in a second make no page wait longer.
        """
        with self._lock:
            now = self._clock()
            if now >= self._ends:
                # After a silence the seconds before say nothing any more.
                is_next = now < self._ends + _COUNTED_S
                self._per_s = self._count / _COUNTED_S if is_next else 0.0
                self._count, self._ends = 0, now + _COUNTED_S
            self._count += 1
        return min(max(self._per_s / at_ease_per_s, 1.0), _MOST)
