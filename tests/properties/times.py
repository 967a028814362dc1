"""One clock for a whole history: PostgreSQL's, ours and the banks' move on together.

Nothing waits: a schema of its own, looked into before PostgreSQL's, has functions of the same names
that are ahead of the true ones by as much as a test likes.
"""

from datetime import timedelta

import psycopg
from psycopg import sql

from webapp.core import clock

_SCHEMA = """
CREATE SCHEMA later;
CREATE TABLE later.clock (ahead interval NOT NULL);
INSERT INTO later.clock VALUES ('0');
CREATE FUNCTION later.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT pg_catalog.now() + (SELECT ahead FROM later.clock)';
CREATE FUNCTION later.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT pg_catalog.clock_timestamp() + (SELECT ahead FROM later.clock)';
"""
_DEFAULTS = """
SELECT table_name, column_name, column_default FROM information_schema.columns
WHERE table_schema = 'public' AND column_default IN ('now()', 'clock_timestamp()')
"""


class Times:
    """Takes the place of `clock`'s own offset, for every thread of this process."""

    def __init__(self, database: psycopg.Connection) -> None:
        self._database = database
        self._ahead = timedelta()

    def get(self) -> timedelta:
        """Return how far ahead it is; `clock.now` asks for that."""
        return self._ahead

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        self._set(self._ahead + span)

    def begin_anew(self) -> None:
        """Be as late as it truly is."""
        self._set(timedelta())

    def _set(self, ahead: timedelta) -> None:
        self._ahead = ahead
        self._database.execute("UPDATE later.clock SET ahead = %s", [ahead])


def can_pass(database: psycopg.Connection) -> None:
    """Prepare a database for it, and whoever connects to that from now on."""
    database.execute(_SCHEMA)
    for table, column, default in database.execute(_DEFAULTS).fetchall():
        database.execute(
            sql.SQL("ALTER TABLE {} ALTER {} SET DEFAULT later.{}").format(
                sql.Identifier(table), sql.Identifier(column), sql.SQL(default)
            )
        )
    name = sql.Identifier(database.info.dbname)
    path = sql.SQL("ALTER DATABASE {} SET search_path = later, pg_catalog, public")
    database.execute(path.format(name))


def now_s() -> float:
    """Return the present moment in seconds since 1970."""
    return clock.now().timestamp()
