"""One block, one commit, then its promises; locks that re-read; and a door to the outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from webapp.core.errors import NotFoundError
from webapp.extensions import db
from webapp.models import PaymentLink

logger = structlog.get_logger(__name__)

Row = TypeVar("Row", bound=DeclarativeBase)
AfterCommit = Callable[..., None]

_OPEN = "tillgate.transaction"
_LOCKED_LINKS = "tillgate.locked_links"
_PROMISE = "tillgate.promise"


class TransactionError(RuntimeError):
    """Our own code broke a rule of this room. Never the user's doing."""


@contextmanager
def transaction() -> Iterator[AfterCommit]:
    """Commit the block, then keep its promises.

    The block gets a function that notes a promise: `after_commit(jobs.kick, name)`. A promise that
    breaks is logged and left to the sweeps, which find its rows.

    Raises:
        TransactionError: a transaction is open already; operations do not nest.
    """
    session = db.session()
    if session.info.get(_OPEN):
        raise TransactionError("operations do not nest: pass what you need, or split the work")
    promises: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def promise(function: Callable[..., object], *arguments: object) -> None:
        promises.append((function, arguments))

    # What was read before this block belongs to another snapshot.
    session.rollback()
    session.info[_OPEN] = True
    session.info[_LOCKED_LINKS] = set()
    session.info[_PROMISE] = promise
    try:
        yield promise
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info[_OPEN] = False
    for function, arguments in promises:
        try:
            function(*arguments)
        except Exception:
            logger.exception("promise_broken", function=function.__name__)


def after_commit(function: Callable[..., object], *arguments: object) -> None:
    """Note a promise of the transaction that is open, for whoever was not handed the way to.

    Raises:
        TransactionError: none is open.
    """
    info = db.session().info
    if not info.get(_OPEN):
        raise TransactionError("a promise belongs to a transaction")
    info[_PROMISE](function, *arguments)


def step_outside() -> None:
    """Say that a call to the outside comes next: nothing is locked and no connection is held.

    Raises:
        TransactionError: a transaction is open: the call would hold its locks for seconds.
    """
    session = db.session()
    if session.info.get(_OPEN):
        raise TransactionError("no call to the outside inside a transaction")
    session.rollback()


def lock(model: type[Row], *where: ColumnElement[bool]) -> Row:
    """Return the row as it is now, held until the commit.

    Without `populate_existing` a row that the session has seen before would be locked, and then
    shown as it was seen: the oldest trap of locking with an identity map.

    Raises:
        NotFoundError: there is no such row.
    """
    query = select(model).where(*where).with_for_update()
    row = db.session.scalar(query, execution_options={"populate_existing": True})
    if row is None:
        raise NotFoundError(f"there is no such {model.__name__}")
    if isinstance(row, PaymentLink):
        db.session().info[_LOCKED_LINKS].add(row.id)
    return row


def lock_all(
    model: type[Row], *where: ColumnElement[bool], by: InstrumentedAttribute[Any]
) -> list[Row]:
    """Lock every such row, waiting for whoever holds one, and return them as they are now.

    Args:
        model: whose rows: what belongs to a link whose lock the caller holds.
        where: which of them.
        by: the order they are locked in, the same everywhere: two who lock cannot block each other.
    """
    query = select(model).where(*where).order_by(by).with_for_update()
    return list(db.session.scalars(query, execution_options={"populate_existing": True}))


def lock_some(
    model: type[Row], *where: ColumnElement[bool], by: InstrumentedAttribute[Any], limit: int
) -> list[Row]:
    """Lock up to `limit` such rows that nobody else holds, and return them as they are now.

    What somebody else holds is passed over, so that one row never keeps a sweep waiting.

    Args:
        model: whose rows.
        where: which of them.
        by: what comes first.
        limit: how many at most.
    """
    query = select(model).where(*where).order_by(by).limit(limit).with_for_update(skip_locked=True)
    rows = list(db.session.scalars(query, execution_options={"populate_existing": True}))
    held = {row.id for row in rows if isinstance(row, PaymentLink)}
    db.session().info[_LOCKED_LINKS].update(held)
    return rows


def require_locked(link: PaymentLink) -> None:
    """Refuse to go on unless this transaction holds the link's lock.

    Raises:
        TransactionError: it does not.
    """
    info = db.session().info
    if not info.get(_OPEN) or link.id not in info[_LOCKED_LINKS]:
        raise TransactionError(f"{link.reference} is changed without its lock")


def adopt(link: PaymentLink) -> None:
    """Treat a link that was made in this transaction as locked: nobody else can see it yet."""
    db.session.add(link)
    db.session.flush()
    db.session().info[_LOCKED_LINKS].add(link.id)


def database_now() -> datetime:
    """Return PostgreSQL's clock at this very moment; leases and due times compare with it."""
    with db.session.no_autoflush:  # to ask for the time must not write half a change
        now: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return now
