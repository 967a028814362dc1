"""Gathers what many threads ask at the same moment into one question."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class UnansweredError(Exception):
    """Nobody said anything in time, or asking failed; its cause is what went wrong."""


class Gathering(Generic[K, V]):
    """Has one conversation at a time. Whoever comes meanwhile waits, and is asked for together.

    One thread at a time leads: it asks for itself and for all who wait. Then the first of those who
    have come since leads. So nobody who is alone waits for anybody, and nobody leads for ever.
    """

    def __init__(
        self, ask: Callable[[Sequence[K]], Mapping[K, V]], *, most: int, wait_s: float
    ) -> None:
        """Make one.

        Args:
            ask: the conversation, held by one thread at a time; a key may come twice in it.
            most: for how many it may be held at once.
            wait_s: how long somebody waits whose turn does not come.
        """
        self._ask = ask
        self._most = most
        self._wait_s = wait_s
        self._lock = Lock()
        self._waiting: deque[_Asker[K, V]] = deque()
        self._is_led = False

    def get(self, key: K) -> V | None:
        """Return what there is under this key; None where there is nothing.

        Raises:
            UnansweredError: nothing is known.
        """
        me: _Asker[K, V] = _Asker(key)
        with self._lock:
            leads, self._is_led = not self._is_led, True
            if not leads:
                me.turn.acquire()
                self._waiting.append(me)
        if not leads and not me.turn.acquire(timeout=self._wait_s):
            self._give_up(me)
        if not me.is_done:
            self._lead(me)
        if me.error is not None:
            raise UnansweredError(type(me.error).__name__) from me.error
        return me.found

    def _give_up(self, me: "_Asker[K, V]") -> None:
        """Leave the queue; whoever was told to lead just now has to do it."""
        with self._lock:
            if me.leads:
                return
            if me in self._waiting:
                self._waiting.remove(me)
        raise UnansweredError("nobody's turn came")

    def _lead(self, me: "_Asker[K, V]") -> None:
        together = [me]
        with self._lock:
            while self._waiting and len(together) < self._most:
                together.append(self._waiting.popleft())
        try:
            found = self._ask([one.key for one in together])
            for one in together:
                one.found = found.get(one.key)
        except BaseException as error:
            for one in together:
                one.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._hand_on()
            for one in together:
                one.is_done = True
                if one is not me:
                    one.turn.release()

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._is_led:
                following = self._waiting.popleft()
                following.leads = True
                following.turn.release()


class _Asker(Generic[K, V]):
    """Somebody who waits. `turn` is free once they are answered, or are to lead."""

    __slots__ = ("error", "found", "is_done", "key", "leads", "turn")

    def __init__(self, key: K) -> None:
        self.key = key
        self.turn = Lock()
        self.leads = False
        self.is_done = False
        self.found: V | None = None
        self.error: BaseException | None = None
