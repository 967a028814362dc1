"""The expiry of 100,000 overdue links that nobody began to pay, while other buyers press "Pay".

Beside it the bare SQL that does the same: one statement that updates every row and inserts its
audit row, with all the locks held until the end, which no running shop could bear. The tables are
vacuumed before each, so that both meet the same pages.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench import checks, rows
from bench.results import Result, percentile, spread
from dev.office import Office
from dev.stack import Stack
from webapp.domain.payments import attempts, sessions
from webapp.domain.transaction import lock, transaction
from webapp.jobs import JobName
from webapp.models import PaymentLink, ProviderAccount

LINKS: Final = 100_000
ROUNDS: Final = 3
# Enough for a buyer every few milliseconds, for as long as the slowest round lasts.
BUYERS: Final = 5_000
_PAUSE_S: Final = 0.02

# A run takes on work for 20 s; on a machine that needs longer the figure has to say so.
_CHANGES: Final = {"DRAIN_FOR_S": "200"}

_BARE: Final = """
    WITH moved AS (
        UPDATE payment_link SET state = 'EXPIRED', version = version + 1, ended_at = now(),
                                seats_held = 0
        WHERE state = 'OPEN' AND expires_at <= now() AND NOT may_hold_money
          AND closing_for IS NULL
        RETURNING id, version, reference
    )
    INSERT INTO payment_event (link_id, version, name, actor, subject, from_state, to_state,
                               detail)
    SELECT id, version, 'link_expired', 'bench', reference, 'OPEN', 'EXPIRED', '{}' FROM moved
"""
_LEFT: Final = """
    SELECT (SELECT count(*) FROM payment_link WHERE state = 'EXPIRED') AS expired,
           (SELECT count(*) FROM payment_event WHERE name = 'link_expired') AS told
"""


def measure() -> Sequence[Result]:
    """Let a real worker expire them, and plain SQL, in turns."""
    with Stack(programs=(), changes=_CHANGES) as stack:
        office = Office(stack)
        try:
            with office.app.app_context():
                account = rows.account("shop")
                with checks.working(stack):
                    return _measure(Rounds(office, account))
        finally:
            office.close()


class Rounds:
    """Fills the tables, lets somebody expire what is overdue, and watches the buyers meanwhile."""

    def __init__(self, office: Office, account: ProviderAccount) -> None:
        self._office = office
        self._account = account

    def ours(self) -> tuple[float, list[float]]:
        """Return the job's seconds, and each buyer's milliseconds."""
        with self._office.books() as books:
            waiting = self._prepare(books)
            with ThreadPoolExecutor(1) as worker:
                job = worker.submit(self._run)
                begun = self._begin_while(waiting, lambda: not job.done())
            self._check(books)
        return job.result(), begun

    def bare(self) -> float:
        """Return the seconds of the plain SQL."""
        with self._office.books() as books:
            self._prepare(books)
            began = time.perf_counter()
            books.execute(_BARE.encode())
            took = time.perf_counter() - began
            self._check(books)
        return took

    def undisturbed(self) -> list[float]:
        """Return the milliseconds of buyers whom no sweep meets."""
        with self._office.books() as books:
            waiting = self._prepare(books)
        until = time.monotonic() + 3
        return self._begin_while(waiting, lambda: time.monotonic() < until)

    def _prepare(self, books: rows.Books) -> list[int]:
        """Begin with full tables; return the links that can be paid."""
        books.execute(rows.FORGET.encode())
        rows.links(books, self._account, LINKS, name="GP", life_s=-60)
        waiting = rows.links(books, self._account, BUYERS, name="QR")
        books.execute("VACUUM ANALYZE payment_link, payment_event")
        books.execute("CHECKPOINT")
        return waiting

    def _run(self) -> float:
        with self._office.app.app_context(), self._office.books() as books:
            return float(checks.run(books, JobName.EXPIRY, until=LINKS)["seconds"])

    def _begin_while(self, waiting: list[int], is_going_on: Callable[[], bool]) -> list[float]:
        """Press "Pay" for one link after the other; return what each transaction took, in ms."""
        took = []
        for link_id in waiting:
            if not is_going_on():
                break
            began = time.perf_counter()
            with transaction():
                link = lock(PaymentLink, PaymentLink.id == link_id)
                session, _ = sessions.start(link, None)
                attempts.begin(link, session, actor="bench")
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(_PAUSE_S)
        return took

    def _check(self, books: rows.Books) -> None:
        left = books.execute(_LEFT.encode()).fetchone()
        if left != {"expired": LINKS, "told": LINKS}:
            raise RuntimeError(f"the expiry left {left}")


def _measure(rounds: Rounds) -> Sequence[Result]:
    ours, bare, begun = [], [], []
    for _ in range(ROUNDS):
        seconds, buyers = rounds.ours()
        ours.append(seconds)
        begun += buyers
        bare.append(rounds.bare())
    alone = rounds.undisturbed()
    print(f"expiry of {LINKS}: {spread(ours)} s; bare SQL: {spread(bare)} s")
    print(f"begin meanwhile: {spread(begun)} ms; undisturbed: {spread(alone)} ms")
    job, sql = statistics.median(ours), statistics.median(bare)
    return [
        Result("expiry.links_per_s", LINKS / job, "1/s", LINKS / sql),
        Result("expiry.ratio_to_bare_sql", job / sql, "ratio", 1.0),
        Result("expiry.begin_p95_ms", percentile(begun, 95), "ms", percentile(alone, 95)),
    ]
