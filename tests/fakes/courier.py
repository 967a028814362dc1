"""Carries a fake provider's notices to a shop over real HTTP: well, or not so well."""

import threading
from collections import deque
from collections.abc import Callable

from webapp.providers import http
from webapp.providers.base import HttpRequest

# A notice is written anew for every try, since its signature carries the time.
Write = Callable[[], tuple[dict[str, str], bytes]]

MANNERS = frozenset({"drop", "twice", "late", "after_next"})

_TRIES = 3
_PAUSE_S = 0.1
_TIMEOUT_S = 10.0


class Courier:
    """Brings each notice until it is taken with 2xx, three times at most."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self._manners: deque[tuple[str, float]] = deque()
        self._held: list[tuple[str, Write]] = []
        self._threads: list[threading.Thread] = []
        self._is_hurried = threading.Event()
        self._is_over = threading.Event()

    def next(self, manner: str, *, times: int = 1, seconds: float = 0) -> None:
        """Say how the next notices go: `drop`, `twice`, `late` (by seconds), or `after_next`."""
        assert manner in MANNERS, manner
        self._manners.extend([(manner, seconds)] * times)

    def send(self, url: str, write: Write) -> None:
        """Take a notice and bring it; returns at once."""
        manner, seconds = self._manners.popleft() if self._manners else ("well", 0.0)
        if manner == "drop":
            return
        if manner == "after_next":
            self._held.append((url, write))
            return
        held, self._held = self._held, []
        self._start([(url, write), *held], seconds)
        if manner == "twice":
            self._start([(url, write)], seconds)

    def hurry(self) -> None:
        """Bring at once what is late, and whatever comes from now on."""
        self._is_hurried.set()

    def wait(self) -> None:
        """Wait until every notice that was taken was brought or given up."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Give up what was not brought yet."""
        self._is_over.set()
        self.hurry()
        self.wait()

    def _start(self, notices: list[tuple[str, Write]], seconds: float) -> None:
        thread = threading.Thread(target=self._bring, args=(notices, seconds), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _bring(self, notices: list[tuple[str, Write]], seconds: float) -> None:
        self._is_hurried.wait(seconds)
        for url, write in notices:
            for _ in range(_TRIES):
                if self._is_over.is_set():
                    return
                if self._is_taken(url, write):
                    break
                self._is_over.wait(_PAUSE_S)

    def _is_taken(self, url: str, write: Write) -> bool:
        headers, body = write()
        try:
            status = http.send(HttpRequest("POST", url, headers, body), timeout_s=_TIMEOUT_S).status
        except http.NoAnswerError:
            status = 0
        self.statuses.append(status)
        return 200 <= status < 300
