"""What the bank does by itself: late payments and notices, taken from rows when they are due."""

import logging
import sqlite3
import threading

import httpx2

from webapp.sandbox import checkouts, notices
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.store import Store
from webapp.sandbox.values import now

_THREADS = 8

# Wakes come from this process; looking again this often also survives a clock that was set.
_LONGEST_PAUSE_S = 2.0
_AFTER_A_FAILURE_S = 1.0

logger = logging.getLogger(__name__)


class Clockwork:
    """A few threads that send what is due.

    Which notices are on their way is known in memory only, so one process may run the clockwork of
    a store, with as many threads as it likes. A killed process leaves no claim behind: the next one
    finds the rows as they were and sends again what was not recorded as sent.
    """

    def __init__(self, settings: BankSettings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._turn = threading.Condition()
        self._on_their_way: set[int] = set()
        self._client = httpx2.Client(
            timeout=notices.TIMEOUT_S, trust_env=False, follow_redirects=False
        )
        self._threads = [
            threading.Thread(target=self._run, name=f"clockwork-{number}", daemon=True)
            for number in range(_THREADS)
        ]

    def start(self) -> None:
        """Begin with what is due, which includes what an earlier process left behind.

        The threads end with the process, at whatever point: nothing is lost by that.
        """
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at the rows again; call it after a commit that added one."""
        with self._turn:
            self._turn.notify_all()

    def take_late_payment(self) -> bool:
        """Take the money of a checkout that ended long enough ago; say whether there was one."""
        with self._store.transaction() as books:
            late = checkouts.next_late_payment(books, self._settings.sandbox_late_s)
            if late is None or late[1] > now():
                return False
            checkout = checkouts.get(books, late[0])
            checkouts.take(books, checkout)
            notices.queue(books, checkout, delay_s=self._settings.sandbox_notice_delay_s)
            return True

    def _run(self) -> None:
        while True:
            try:
                if self.take_late_payment():
                    self.wake()
                elif notice := self._claim():
                    self._send(notice)
            except Exception:  # whatever it was, the other rows must go on
                logger.exception("the clockwork stumbled and goes on")
                with self._turn:
                    self._turn.wait(_AFTER_A_FAILURE_S)

    def _claim(self) -> notices.Notice | None:
        """Return a due notice that no other thread is sending, or wait and return None."""
        with self._turn:
            with self._store.transaction() as books:
                notice_id, pause_s = self._next_notice(books)
                notice = None if notice_id is None else notices.get(books, notice_id)
            if notice is not None:
                self._on_their_way.add(notice.id)
                return notice
            # Rows are committed before `wake` asks for this lock: none can be missed in between.
            self._turn.wait(pause_s)
            return None

    def _next_notice(self, books: sqlite3.Connection) -> tuple[int | None, float]:
        """Return the notice to send now, if any, and how long to pause otherwise, in seconds."""
        pause_s = _LONGEST_PAUSE_S
        late = checkouts.next_late_payment(books, self._settings.sandbox_late_s)
        if late is not None:
            pause_s = min(pause_s, max(0.0, late[1] - now()))
        for notice_id, due_at in notices.pending(books, limit=len(self._on_their_way) + 1):
            if notice_id in self._on_their_way:
                continue
            if due_at <= now():
                return notice_id, 0.0
            pause_s = min(pause_s, due_at - now())
        return None, pause_s

    def _send(self, notice: notices.Notice) -> None:
        try:
            is_delivered = notices.send(self._client, notice, self._settings.secret)
            with self._store.transaction() as books:
                notices.record(books, notice, is_delivered=is_delivered)
        finally:
            with self._turn:
                self._on_their_way.discard(notice.id)
