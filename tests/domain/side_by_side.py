"""Several things at once, each in a thread with an app context and a session of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from flask import Flask

from tests.sandbox.process import eventually
from webapp.domain.desk import passwords
from webapp.extensions import db

T = TypeVar("T")


def side_by_side(app: Flask, functions: Sequence[Callable[[], T]]) -> list[T]:
    """Start all of these at the same moment and return what each returned."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        with app.app_context():
            start.wait(30)
            return function()

    with ThreadPoolExecutor(len(functions)) as threads:
        return list(threads.map(run, functions))


@contextmanager
def meanwhile(app: Flask, function: Callable[[], T]) -> Iterator[Future[T]]:
    """Run a function in a thread while the block runs; the block's session holds nothing then."""

    def run() -> T:
        with app.app_context():
            return function()

    db.session.rollback()
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(run)


@contextmanager
def every_turn_taken() -> Iterator[None]:
    """Keep all others from looking at a password while the block runs."""
    for _ in range(passwords._AT_ONCE):
        assert passwords._TURNS.acquire(timeout=30)
    try:
        yield
    finally:
        passwords._TURNS.release(passwords._AT_ONCE)


def raised(function: Callable[[], object]) -> type[Exception] | None:
    """Call a function and return the class of what it raised, or None."""
    try:
        function()
    except Exception as error:  # noqa: BLE001  # whatever it was, a test compares it
        return type(error)
    return None


def wait_for(other: psycopg.Connection, question: str, *values: object) -> None:
    """Wait until a query of one column says yes, seen from another connection."""
    eventually(lambda: _says_yes(other, question, *values), within_s=30)


def _says_yes(other: psycopg.Connection, question: str, *values: object) -> bool:
    row = other.execute(question.encode(), values).fetchone()
    return bool(row and row[0])


def nobody_waits_in_a_transaction(other: psycopg.Connection) -> bool:
    """Say whether no connection to this database is idle inside a transaction."""
    return _says_yes(
        other,
        "SELECT count(*) = 0 FROM pg_stat_activity"
        " WHERE datname = current_database() AND state LIKE 'idle in transaction%%'",
    )
