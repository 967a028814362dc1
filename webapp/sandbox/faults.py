"""Faults on order: what a test asks the bank to do wrong, how often, and for how long."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from webapp.sandbox.values import now


class FaultKind(StrEnum):
    """What goes wrong. All but DOWN wait for the next call of their kind (before the `_`)."""

    CREATE_LATE = "create_late"  # made at once, answered after `seconds`
    CREATE_NEVER = "create_never"  # made; the connection is held for `seconds`, then cut
    CREATE_LOST = "create_lost"  # not made; the connection is cut at once
    CREATE_REFUSED = "create_refused"  # 422
    READ_UNAVAILABLE = "read_unavailable"  # 503, Retry-After `seconds`
    READ_MALFORMED = "read_malformed"  # half of a JSON document
    READ_SLOW = "read_slow"  # the right answer, dribbled over `seconds`
    READ_OTHER_ACCOUNT = "read_other_account"
    READ_OTHER_REFERENCE = "read_other_reference"
    READ_LIVE = "read_live"  # livemode is true
    READ_PROCESSING = "read_processing"  # status is processing
    CLOSE_REFUSED = "close_refused"  # 409 authorisation_in_progress
    REFUND_UNAVAILABLE = "refund_unavailable"  # 503, Retry-After `seconds`; nothing is sent back
    REFUND_LOST = "refund_lost"  # nothing is sent back; the connection is cut at once
    REFUND_NEVER = "refund_never"  # sent back; the connection is held for `seconds`, then cut
    REFUND_REFUSED = "refund_refused"  # 422
    DOWN = "down"  # from now on, for `seconds`: 503 to everything


@dataclass(frozen=True)
class Fault:
    """One fault that goes off now."""

    kind: FaultKind
    seconds: float


def script(
    books: sqlite3.Connection, account: str, kind: FaultKind, *, times: int, seconds: float
) -> None:
    """Put a fault in line for an account; faults of one call go off in the order they came."""
    if kind is FaultKind.DOWN:
        go_down(books, account, seconds)
    else:
        books.execute(
            "INSERT INTO faults (account, kind, times, seconds) VALUES (?, ?, ?, ?)",
            (account, kind, times, seconds),
        )


def next_for(books: sqlite3.Connection, account: str, call: str) -> Fault | None:
    """Use up one turn of the account's first fault for `create`, `read`, `close` or `refund`."""
    row = books.execute(
        "SELECT id, kind, times, seconds FROM faults"
        " WHERE account = ? AND kind GLOB ? || '_*' ORDER BY id LIMIT 1",
        (account, call),
    ).fetchone()
    if row is None:
        return None
    if row["times"] > 1:
        books.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (row["id"],))
    else:
        books.execute("DELETE FROM faults WHERE id = ?", (row["id"],))
    return Fault(FaultKind(row["kind"]), row["seconds"])


def go_down(books: sqlite3.Connection, account: str, seconds: float) -> None:
    """Answer the account's requests with 503 from now on, for so long; 0 ends a downtime."""
    books.execute(
        "INSERT INTO downtimes (account, ends_at) VALUES (?, ?)"
        " ON CONFLICT (account) DO UPDATE SET ends_at = excluded.ends_at",
        (account, now() + seconds),
    )


def downtime_left_s(books: sqlite3.Connection, account: str) -> float:
    """Return for how many more seconds the account gets no answers; 0 when it does."""
    row = books.execute("SELECT ends_at FROM downtimes WHERE account = ?", (account,)).fetchone()
    return 0.0 if row is None else max(0.0, row["ends_at"] - now())
