"""What the app says to PostgreSQL while a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from webapp.extensions import db


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements of the block."""
    seen: list[str] = []

    def watch(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", watch)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", watch)


def writing(seen: list[str]) -> list[str]:
    """Return those that are more than a question."""
    return [one for one in seen if not one.lstrip().upper().startswith("SELECT")]
