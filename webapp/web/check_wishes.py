"""What polls wish to have checked, handed to the queue without making any of them wait for it."""

import time
from collections import OrderedDict, deque
from threading import Lock, Thread
from typing import Final

from flask import Flask

from webapp import jobs

# The queue itself holds the pace at which one attempt is read. This only spares it the asking.
_AGAIN_AFTER_S: Final = 0.9
_REMEMBERED: Final = 10_000
# While the queue hangs, the newest wishes are kept: the sweeps find the others.
_WAITING: Final = 1_000
_GATHER_S: Final = 0.05


class CheckWishes:
    """Asks for checks in a thread of its own, which ends when there is nothing to ask for."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._waiting: deque[str] = deque(maxlen=_WAITING)
        self._is_asking = False

    def wish(self, attempt_reference: str) -> None:
        """Ask that an attempt be read soon, unless that was asked for a moment ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked.get(attempt_reference, -_AGAIN_AFTER_S) < _AGAIN_AFTER_S:
                return
            self._asked[attempt_reference] = now
            self._asked.move_to_end(attempt_reference)
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
            self._waiting.append(attempt_reference)
            if not self._is_asking:
                self._is_asking = True
                Thread(target=self._ask, name="check-wishes", daemon=True).start()

    def _ask(self) -> None:
        while True:
            with self._lock:
                wishes = list(self._waiting)
                self._waiting.clear()
                if not wishes:
                    self._is_asking = False
                    return
            with self._app.app_context():
                jobs.check_all(wishes)
            # Those that come meanwhile go together.
            time.sleep(_GATHER_S)
