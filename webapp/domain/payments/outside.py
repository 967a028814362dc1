"""Calls to providers side by side: many at once, few of them for one account, none for ever.

What runs in these threads sees plain values only; whoever starts the calls does all that concerns
the database.
"""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog

from webapp.domain.transaction import step_outside
from webapp.extensions import settings

logger = structlog.get_logger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Running(Generic[Item]):
    """A call. `given_up_at` is None while it waits for a thread: its time counts from then on."""

    account_id: int
    item: Item
    within_s: float
    given_up_at: float | None = None

    def begin(self) -> None:
        """Note that a thread has come to it."""
        self.given_up_at = time.monotonic() + self.within_s

    def is_late(self, now: float) -> bool:
        """Whether it has had its time."""
        return self.given_up_at is not None and self.given_up_at <= now


class Calls(Generic[Item, Answer]):
    """The calls of one run. An item is what a call is about, and comes back with its answer.

    As many as `ahead` may wait for a thread: whoever is busy with answers lets no thread run dry.
    """

    def __init__(self, *, ahead: int = 0) -> None:
        self._most = settings.check_side_by_side + ahead
        self._per_account = settings.check_per_account
        self._threads = ThreadPoolExecutor(settings.check_side_by_side, "outside")
        self._running: dict[Future[Answer], _Running[Item]] = {}
        self._given_up: set[Future[Answer]] = set()
        self._of_account: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for nobody: a call that was given up ends when it likes."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def is_idle(self) -> bool:
        """Whether no answer is to be expected."""
        return not self._running

    @property
    def room(self) -> int:
        """How many more calls can begin now. Those that were given up still hold their threads."""
        self._given_up = {call for call in self._given_up if not call.done()}
        return self._most - len(self._running) - len(self._given_up)

    def room_of(self, account_id: int) -> int:
        """Return how many more calls can begin for one account."""
        return min(self.room, self._per_account - self._of_account[account_id])

    @property
    def rooms(self) -> dict[int, int]:
        """How many more calls can begin for each account that has some; others have a full room."""
        return {
            account_id: self._per_account - count for account_id, count in self._of_account.items()
        }

    def start(
        self, account_id: int, item: Item, call: Callable[[], Answer], *, within_s: float
    ) -> None:
        """Begin a call.

        Args:
            account_id: whose provider is asked.
            item: what comes back with the answer.
            call: ends by itself within its own timeouts, as a rule.
            within_s: after this it is given up whatever it does, in seconds.
        """
        running = _Running(account_id, item, within_s)

        def begin() -> Answer:
            running.begin()
            return call()

        self._running[self._threads.submit(begin)] = running
        self._of_account[account_id] += 1

    def ended(self, *, wait_s: float) -> list[tuple[Item, Answer | None]]:
        """Return what has ended by now; when nothing has, wait for the first, but not for longer.

        Each comes with its answer, or with None when it failed or was given up.
        """
        step_outside()
        done, _ = wait(self._running, timeout=wait_s, return_when=FIRST_COMPLETED)
        now = time.monotonic()
        late = {
            call
            for call, running in self._running.items()
            if running.is_late(now) and call not in done
        }
        # One that has not begun yet needs no thread any more.
        self._given_up |= {call for call in late if not call.cancel()}
        answers = [(self._running[call].item, self._answer(call)) for call in done]
        answers += [(self._running[call].item, None) for call in late]
        for call in done | late:
            account_id = self._running.pop(call).account_id
            self._of_account[account_id] -= 1
        return answers

    def _answer(self, call: Future[Answer]) -> Answer | None:
        try:
            return call.result()
        except Exception:
            logger.exception("call_failed")
            return None
