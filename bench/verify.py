"""The verification cycle: a thousand payments that are due, read and settled by a real worker.

Only the process for `checks` works: the emails of what is settled wait, as they would for the other
process. The settings are those of production, but for the time that one run may take: where a cycle
takes longer than its share, the figure has to say so. Twenty accounts share the attempts, because
a single one is never asked for more than ten at once.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench import checks, fakebank, rows
from bench.results import Result, spread
from dev.office import Office
from dev.stack import Stack
from webapp.jobs import JobName

ATTEMPTS: Final = 1000
PAID: Final = 200
ACCOUNTS: Final = 20
LATENCY_S: Final = 0.2
AT_ONCE: Final = 50
IDEAL_S: Final = ATTEMPTS / AT_ONCE * LATENCY_S

ROUNDS: Final = 3
SESSIONS: Final = (5, 10, 20)
ONE_BY_ONE: Final = 20

_CHANGES: Final = {"VERIFICATION_EVERY_S": "120", "DRAIN_FOR_S": "120"}
_ALONE: Final = {"CHECK_SIDE_BY_SIDE": "1"}

_LEFT: Final = """
    SELECT count(*) FILTER (WHERE a.last_read_at IS NULL) AS unread,
           count(*) FILTER (WHERE l.state = 'PAID') AS paid,
           (SELECT count(*) FROM email_message) AS emails
    FROM payment_attempt a JOIN payment_link l ON l.id = a.link_id
"""


def measure() -> Sequence[Result]:
    """Let a worker read one, a few and a thousand at once, and twenty one after the other."""
    with Stack(programs=(), changes=_CHANGES) as stack:
        fakebank.start(stack, LATENCY_S)
        office = Office(stack)
        try:
            with office.app.app_context():
                return _measure(stack, Cycles(office))
        finally:
            office.close()


class Cycles:
    """Writes attempts that are due, and waits until a worker has read them."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._accounts = [rows.account(f"shop-{number}") for number in range(ACCOUNTS)]
        self._names = (f"{first}{second}" for first in "GHJKM" for second in "PQRSTWXYZ")

    def seconds(self, count: int, *, paid: int) -> float:
        """Return how long one job takes with so many, from its start to its last commit.

        Raises:
            RuntimeError: something was left undone.
        """
        with self._office.books() as books:
            with books.transaction():
                self._write(books, count, paid)
            done = checks.run(books, JobName.VERIFICATION, until=count)
            _check(books, count, paid, done)
        return float(done["seconds"])

    def _write(self, books: rows.Books, count: int, paid: int) -> None:
        used = self._accounts[:count]
        name = next(self._names)
        for number, account in enumerate(used):
            more = paid // len(used) + (number < paid % len(used))
            many = count // len(used)
            rows.due_attempts(books, account, many, name=f"{name}{number:02}", paid=more)


def _check(books: rows.Books, count: int, paid: int, done: Mapping[str, Any]) -> None:
    """Hold what the run says of itself against the rows it left."""
    left = books.execute(_LEFT.encode()).fetchone()
    assert left is not None
    seen = (done["runs"], done["errors"], left["unread"], left["paid"], left["emails"])
    if seen != (1, 0, 0, paid, paid):
        raise RuntimeError(f"a run of {count} with {paid} paid left {seen}")
    # The next round counts from nothing.
    books.execute(rows.FORGET.encode())


def _measure(stack: Stack, cycles: Cycles) -> Sequence[Result]:
    with checks.working(stack):
        cycles.seconds(1, paid=0)  # the first job of a stack meets cold caches
        one = statistics.median(cycles.seconds(1, paid=0) for _ in range(ROUNDS))
        few = {
            count: statistics.median(cycles.seconds(count, paid=0) for _ in range(ROUNDS))
            for count in SESSIONS
        }
        all_of_them = [cycles.seconds(ATTEMPTS, paid=PAID) for _ in range(ROUNDS)]
    with checks.working(stack, "alone", **_ALONE):
        paid = ONE_BY_ONE * PAID // ATTEMPTS
        sequential = cycles.seconds(ONE_BY_ONE, paid=paid) * ATTEMPTS / ONE_BY_ONE
    print(f"cycles of {ATTEMPTS}: {spread(all_of_them)} s; ideal {IDEAL_S} s")
    cycle = statistics.median(all_of_them)
    return [
        Result("verify.cycle_s", cycle, "s", sequential),
        Result("verify.cycle_ratio_to_ideal", cycle / IDEAL_S, "ratio", 1.0),
        Result("verify.sequential_s", sequential, "s"),
        Result("verify.at_once_1_s", one, "s"),
        *(Result(f"verify.at_once_{count}_s", took, "s", one) for count, took in few.items()),
    ]
