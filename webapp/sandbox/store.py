"""The bank's books: one SQLite file. What is committed here outlives a killed process."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY_S = 5.0

_TABLES = """
CREATE TABLE IF NOT EXISTS checkouts (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  reference TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'declined', 'closed')),
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
  currency TEXT NOT NULL,
  description TEXT NOT NULL,
  merchant_name TEXT NOT NULL,
  return_url TEXT NOT NULL,
  notice_url TEXT NOT NULL,
  expires_at REAL NOT NULL,
  closed_at REAL,
  reason TEXT,
  pays_late INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, reference)
) STRICT;
CREATE INDEX IF NOT EXISTS checkouts_pay_late ON checkouts (status) WHERE pays_late;

CREATE TABLE IF NOT EXISTS payments (
  id TEXT PRIMARY KEY,
  checkout_id TEXT NOT NULL UNIQUE REFERENCES checkouts (id),
  amount_minor INTEGER NOT NULL,
  currency TEXT NOT NULL,
  paid_at REAL NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS refunds (
  id TEXT PRIMARY KEY,
  payment_id TEXT NOT NULL REFERENCES payments (id),
  key TEXT,
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
  currency TEXT NOT NULL,
  made_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);
CREATE INDEX IF NOT EXISTS refunds_key ON refunds (key) WHERE key IS NOT NULL;

CREATE TABLE IF NOT EXISTS notices (
  id INTEGER PRIMARY KEY,
  checkout_id TEXT NOT NULL REFERENCES checkouts (id),
  body TEXT NOT NULL,
  due_at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  ended_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS notices_due ON notices (due_at) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  times INTEGER NOT NULL,
  seconds REAL NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS downtimes (
  account TEXT PRIMARY KEY,
  ends_at REAL NOT NULL
) STRICT;
"""


class Store:
    """One connection to the books, shared by the threads of the one process that serves them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The one connection stays open: closing the last one would fold the log into the file.
        self._books = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._books.row_factory = sqlite3.Row
        self._one_at_a_time = threading.Lock()
        self._books.execute("PRAGMA journal_mode = WAL")
        self._books.execute("PRAGMA synchronous = NORMAL")
        self._books.execute("PRAGMA foreign_keys = ON")
        self._books.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block alone; its changes are kept together, or not at all if it raises."""
        with self._one_at_a_time:
            self._books.execute("BEGIN IMMEDIATE")
            try:
                yield self._books
                self._books.execute("COMMIT")
            except BaseException:
                self._books.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the books. Nothing can be read or written afterwards."""
        with self._one_at_a_time:
            self._books.close()
