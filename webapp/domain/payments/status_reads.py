"""The pages' queries, asked past SQLAlchemy's session and for many polls at once."""

from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import starmap
from typing import Any, Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg as dialect

from webapp.core.gathering import Gathering
from webapp.domain.payments import status as statuses
from webapp.domain.payments import timelines
from webapp.domain.payments.status import LinkStatus
from webapp.domain.payments.timelines import Timeline
from webapp.extensions import LOST_LINE

Connection = psycopg.Connection[Any]

# Who asks has another way, and takes it rather than wait for long.
_WAIT_S: Final = 0.3
_CONNECT_S: Final = 2
# So many links in one query: beyond that, whoever is first waits for the others.
_MOST: Final = 64
# These connections can write nothing, whatever is said on them. And their queries are planned once:
# for a list, PostgreSQL would plan anew each time, which takes four times as long as the answer.
_OPTIONS: Final = (
    "-c default_transaction_read_only=on -c statement_timeout=2s -c lock_timeout=1s -c timezone=UTC"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"
    " -c plan_cache_mode=force_generic_plan"
)


class StatusReads:
    """Reads `LinkStatus` and `Timeline` on a connection each, made when it is needed.

    One that broke is made anew by whoever needs it next: a database that was away is back for us
    when it is back.
    """

    def __init__(self, database_url: str) -> None:
        url = database_url.replace("+psycopg", "", 1)
        self.lines = _Line(url), _Line(url)
        self._statuses = Gathering(self._read_statuses, most=_MOST, wait_s=_WAIT_S)
        self._timelines = Gathering(self._read_timelines, most=_MOST, wait_s=_WAIT_S)

    def get(self, code: str) -> LinkStatus | None:
        """Return what `status.get` does; None where there is no such link, or it is a DRAFT.

        Raises:
            UnansweredError: nothing is known; nothing was changed.
        """
        row = self._statuses.get(code)
        return statuses.of_row(row) if row is not None else None

    def timeline(self, link_id: int) -> Timeline:
        """Return what `timelines.of_link` does.

        Raises:
            UnansweredError: nothing is known; nothing was changed.
        """
        return timelines.of_rows(self._timelines.get(link_id) or ())

    def close(self) -> None:
        """Let go of the connections, in a quiet moment; the next one who asks makes another."""
        for line in self.lines:
            line.close()

    def _read_statuses(self, codes: Sequence[str]) -> dict[str, Any]:
        return {row.code: row for row in self.lines[0].rows(_status(), codes)}

    def _read_timelines(self, link_ids: Sequence[int]) -> dict[int, list[Any]]:
        found = defaultdict(list)
        for row in self.lines[1].rows(_timeline(), map(str, link_ids)):
            found[row.link_id].append(row)
        return found


class _Line:
    """A connection that one thread uses at a time."""

    def __init__(self, url: str) -> None:
        self._url = make_conninfo(url, **LOST_LINE, connect_timeout=_CONNECT_S, options=_OPTIONS)
        self._connection: Connection | None = None

    def open(self) -> Connection:
        """Return the connection, made now where there is none."""
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
        return self._connection

    def rows(self, question: "_Question", values: Iterable[str]) -> list[Any]:
        """Ask for all of these at once."""
        connection = self.open()
        try:
            asked = connection.execute(question.text, [",".join(values)], prepare=True)
            return list(starmap(question.row, asked.fetchall()))
        finally:
            if connection.broken:
                self.close()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class _Question:
    """A query with one list of values to fill in, as psycopg takes it, and its rows' names."""

    text: bytes
    row: Callable[..., Any]

    @classmethod
    def of(cls, query: Select[*tuple[Any, ...]], parameter: str) -> Self:
        """Compile a query once for all: what is the same each time is written into its text."""
        words = dialect.dialect()  # type: ignore[no-untyped-call]
        said = query.compile(dialect=words).construct_expanded_state({parameter: None})
        values = {
            name: "%s" if name == parameter else sql.Literal(value).as_string()
            for name, value in said.parameters.items()
        }
        row = namedtuple("Row", query.selected_columns.keys())  # type: ignore[misc]  # noqa: PYI024
        return cls((said.statement % values).encode(), row)


@cache
def _status() -> _Question:
    return _Question.of(statuses.question_of_many(), "codes")


@cache
def _timeline() -> _Question:
    return _Question.of(timelines.question_of_many(), "link_ids")
