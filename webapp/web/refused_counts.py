"""Says in the log how many requests were refused, and not once for each of them."""

import time
from threading import Lock
from typing import Final

import structlog

logger = structlog.get_logger(__name__)

_EVERY_S: Final = 1.0


class RefusedCounts:
    """Counts the refused requests of each group, and tells of them once a second at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def note(self, group: str) -> None:
        """Count one; what is not told of now is told with the next one."""
        with self._lock:
            count = self._counts.get(group, 0) + 1
            now = time.monotonic()
            is_due = now - self._told.get(group, -_EVERY_S) >= _EVERY_S
            self._counts[group] = 0 if is_due else count
            if is_due:
                self._told[group] = now
        if is_due:
            logger.warning("rate_limited", group=group, count=count)
