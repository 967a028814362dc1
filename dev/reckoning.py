"""The reckoning after a drill: the bank's books against ours, and every promise counted."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import psycopg

from dev.mailroom import MailRoom
from dev.office import Office
from dev.stack import Stack

# A late payment may still be to come when all seems quiet.
_STAYS_QUIET_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.5

# What is still on its way to its end, by the application's own rows. The demo data's own waiting
# payment waits for ever.
_UNFINISHED: Final = """
WITH ours AS (SELECT * FROM payment_link WHERE title LIKE 'Order number %')
SELECT 'attempt ' || a.reference || ' is ' || a.state AS what
  FROM payment_attempt a JOIN ours ON ours.id = a.link_id WHERE a.state IN ('CREATED', 'PENDING')
UNION ALL
SELECT 'message ' || reference || ' is ' || state FROM email_message
 WHERE state IN ('QUEUED', 'SENDING') OR (state = 'DOUBTFUL' AND repeats = 0)
UNION ALL
SELECT 'link ' || reference || ' is still to be closed or expired' FROM ours
 WHERE closing_for IS NOT NULL OR (state = 'OPEN' AND expires_at < now())
"""

_ORDERS: Final = """
SELECT l.reference, l.state, l.ticket_count,
       (SELECT count(*) FROM ticket t WHERE t.link_id = l.id) AS tickets,
       (SELECT array_agg(m.reference) FROM email_message m WHERE m.link_id = l.id) AS messages,
       (SELECT coalesce(sum(m.repeats), 0) FROM email_message m WHERE m.link_id = l.id) AS repeats
FROM payment_link l WHERE l.title LIKE 'Order number %'
"""


@dataclass(frozen=True)
class Recovery:
    """Seconds after the last crash: until our books held all the bank took, until all had ended."""

    money_s: float
    everything_s: float


class Reckoning:
    """Waits until everything has ended, and says what is wrong."""

    def __init__(self, stack: Stack, office: Office, mail: MailRoom) -> None:
        self._stack = stack
        self._office = office
        self._mail = mail

    def wait_until_quiet(self, within_s: float) -> Recovery:
        """Wait until nothing is on its way any more, and stays so for a while.

        When the time is over the rest counts as found wrong, not as an error of the drill.
        """
        began = time.monotonic()
        money = everything = began
        while time.monotonic() - everything < _STAYS_QUIET_S:
            try:
                money_is_missing, is_busy = bool(self._differences()), bool(self._unfinished())
            except (httpx2.HTTPError, psycopg.OperationalError):
                money_is_missing = True
            now = time.monotonic()
            if money_is_missing:
                money = now
            if money_is_missing or is_busy:
                everything = now
            if now - began > within_s:
                break
            time.sleep(_LOOK_EVERY_S)
        return Recovery(money - began, everything - began)

    def _unfinished(self) -> list[str]:
        with self._office.books() as books:
            return [row["what"] for row in books.execute(_UNFINISHED).fetchall()]

    def findings(self) -> list[str]:
        """Return everything that was lost, doubled or left undone."""
        found = [f"{what}, and should have ended" for what in self._unfinished()]
        found += self._differences()
        for order in self._orders():
            found.extend(self._about(order))
        audit = self._stack.flask("payments", "audit")
        if audit.returncode:
            found.append(f"the audit found something:\n{audit.stdout.strip()}")
        return found

    def lines(self) -> Iterator[str]:
        """Tell what there is: orders by state, money by what became of it, messages."""
        by_state: dict[str, int] = {}
        for order in self._orders():
            by_state[order["state"]] = by_state.get(order["state"], 0) + 1
        yield "Orders: " + ", ".join(f"{state} {n}" for state, n in sorted(by_state.items()))
        with self._office.books() as books:
            captures = books.execute(
                "SELECT state, count(*) AS n FROM capture GROUP BY state ORDER BY state"
            ).fetchall()
            repeats = books.execute(
                "SELECT count(*) FILTER (WHERE repeats > 0) AS n FROM email_message"
            ).fetchall()
        told = ", ".join(f"{row['state']} {row['n']}" for row in captures)
        yield f"Payments in the bank's ledger: {len(self._office.ledger())}; captures: {told}"
        yield (
            f"Messages received: {sum(self._mail.received.values())}, "
            f"of which repeats from doubt: {repeats[0]['n']}"
        )

    def _orders(self) -> list[dict[str, Any]]:
        with self._office.books() as books:
            return books.execute(_ORDERS).fetchall()

    def _differences(self) -> list[str]:
        """Hold the bank's ledger against our captures, both ways."""
        taken = {entry["payment_id"] for entry in self._office.ledger()}
        with self._office.books() as books:
            rows = books.execute("SELECT payment_reference FROM capture").fetchall()
        booked = {row["payment_reference"] for row in rows}
        lost = [f"the bank took {one} and we do not know of it" for one in sorted(taken - booked)]
        invented = [f"we booked {one} and the bank did not" for one in sorted(booked - taken)]
        return lost + invented

    def _about(self, order: dict[str, Any]) -> Iterator[str]:
        reference = order["reference"]
        if order["state"] == "PAID":
            if order["tickets"] != order["ticket_count"]:
                yield f"{reference} has {order['tickets']} tickets"
            arrived = sum(self._arrived(message) for message in order["messages"] or [])
            if not arrived:
                yield f"{reference} is paid and no email arrived"
            if arrived > 1 + order["repeats"]:
                yield f"{reference} got {arrived} emails and {order['repeats']} were repeats"
        elif order["tickets"]:
            yield f"{reference} is {order['state']} and has tickets"

    def _arrived(self, message: str) -> int:
        return sum(
            times for name, times in self._mail.received.items() if name.startswith(f"{message}@")
        )
