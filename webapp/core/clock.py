"""The time that people see. Due times and leases compare with PostgreSQL's own clock instead."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_offset: ContextVar[timedelta] = ContextVar("clock_offset", default=timedelta())


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC) + _offset.get()  # noqa: TID251  # the one place that may ask


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Run the block as if it happened `by` later (or earlier), in this context only."""
    token = _offset.set(_offset.get() + by)
    try:
        yield
    finally:
        _offset.reset(token)


def iso(moment: datetime) -> str:
    """Write a moment as the outside sees it: ISO 8601 in UTC, whole seconds, with a Z.

    Raises:
        ValueError: the moment carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Read an ISO 8601 moment that carries its time zone.

    Raises:
        ValueError: it is no moment, or it carries no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} carries no time zone; end it with Z or +00:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is out of reach") from None
