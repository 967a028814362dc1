"""The pages' queries, asked past SQLAlchemy's session: nearly all the traffic is polls."""

from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from queue import Empty, LifoQueue
from typing import Any, Final, Self

import psycopg
from psycopg import sql
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg as dialect

from webapp.domain.payments import status as statuses
from webapp.domain.payments import timelines
from webapp.domain.payments.status import LinkStatus
from webapp.domain.payments.timelines import Timeline

Connection = psycopg.Connection[Any]

# Who asks has another way, and takes it rather than wait for long.
_WAIT_S: Final = 0.3
_CONNECT_S: Final = 2
# These connections can write nothing, whatever is said on them.
_OPTIONS: Final = (
    "-c default_transaction_read_only=on -c statement_timeout=2s -c lock_timeout=1s -c timezone=UTC"
)


class CannotReadError(Exception):
    """There is no connection to ask on, or what was asked is not answered."""


class StatusReads:
    """Reads `LinkStatus` on a few connections of its own, made when they are needed.

    One that broke is made anew by whoever needs it next: a database that was away is back for us
    when it is back.
    """

    def __init__(self, database_url: str, *, connections: int) -> None:
        self._url = database_url.replace("+psycopg", "", 1)
        # The one used last is taken first: in a quiet hour the others are never made.
        self._free: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(connections):
            self._free.put(None)

    def get(self, code: str) -> LinkStatus | None:
        """Return what `status.get` does; None where there is no such link, or it is a DRAFT.

        Raises:
            CannotReadError: nothing is known; nothing was changed.
        """
        rows = self._rows(_status(), code)
        return statuses.of_row(code, rows[0]) if rows else None

    def timeline(self, link_id: int) -> Timeline:
        """Return what `timelines.of_link` does.

        Raises:
            CannotReadError: nothing is known; nothing was changed.
        """
        return timelines.of_rows(self._rows(_timeline(), link_id))

    def close(self) -> None:
        """Let go of the connections that nobody uses now; the next one who asks makes another."""
        for _ in range(self._free.qsize()):
            connection = self._free.get_nowait()
            if connection is not None:
                connection.close()
            self._free.put(None)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._free.get(timeout=_WAIT_S)
        try:
            if connection is None:
                connection = self._connect()
            yield connection
        finally:
            if connection is not None and connection.broken:
                connection.close()
                connection = None
            self._free.put(connection)

    def _rows(self, question: "_Question", value: str | int) -> list[Any]:
        try:
            with self._connection() as connection:
                found = connection.execute(question.text, [value], prepare=True).fetchall()
        except (psycopg.Error, Empty) as error:
            raise CannotReadError(type(error).__name__) from error
        return [question.row(*values) for values in found]

    def _connect(self) -> Connection:
        return psycopg.connect(
            self._url, autocommit=True, options=_OPTIONS, connect_timeout=_CONNECT_S
        )


@dataclass(frozen=True)
class _Question:
    """A query with one value to fill in, as psycopg takes it, and what its rows are called."""

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
    return _Question.of(statuses.question(), "code")


@cache
def _timeline() -> _Question:
    return _Question.of(timelines.question(), "link_id")
