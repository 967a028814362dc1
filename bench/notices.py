"""Notices of a bank at fifty a second, to the real web server, while a worker reads what they say.

Each is about another attempt that we know, and comes at its own time, whatever became of those
before it: what waits behind a slow one is counted as slow too.
"""

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

from bench import checks, fakebank, rows
from bench.results import Result, percentile, spread
from dev.office import Office
from dev.stack import Stack
from webapp.core import references
from webapp.domain.payments import accounts
from webapp.domain.transaction import step_outside
from webapp.models import ProviderAccount
from webapp.sandbox.notices import signature

PER_SECOND: Final = 50
SECONDS: Final = 20
WARM_UPS: Final = 100
ACCOUNTS: Final = 20
LATENCY_S: Final = 0.2

_SENDERS: Final = 16
_PATIENCE_S: Final = 300

# Nothing but the notices makes them due.
_LATER: Final = "UPDATE payment_attempt SET next_check_at = now() + interval '1 hour'"
# Now of this account, now of that one.
_KNOWN: Final = """
    SELECT reference, checkout_id, provider_account_id AS account FROM payment_attempt
    ORDER BY row_number() OVER (PARTITION BY provider_account_id ORDER BY id), id
"""
_LEFT: Final = """
    SELECT count(*) AS stored, count(attempt_id) AS known,
           (SELECT count(*) FROM payment_attempt WHERE last_read_at IS NOT NULL) AS read
    FROM provider_notice
"""


def measure() -> Sequence[Result]:
    """Send them, and hold that each was stored and led to a read."""
    with Stack(programs=("web", "scheduler")) as stack:
        fakebank.start(stack, LATENCY_S)
        office = Office(stack)
        try:
            with office.app.app_context(), office.books() as books:
                took = _measure(stack, books)
        finally:
            office.close()
    print(f"notices: {spread(took)} ms")
    return [
        Result("notices.p95_ms", percentile(took, 95), "ms"),
        Result("notices.p50_ms", percentile(took, 50), "ms"),
    ]


def _measure(stack: Stack, books: rows.Books) -> list[float]:
    count = WARM_UPS + PER_SECOND * SECONDS
    shops = [rows.account(f"shop-{number}") for number in range(ACCOUNTS)]
    with books.transaction():
        for number, account in enumerate(shops):
            rows.due_attempts(books, account, count // ACCOUNTS, name=f"GP{number:02}")
        books.execute(_LATER.encode())
    known = books.execute(_KNOWN.encode()).fetchall()
    sender = Sender(stack.port, {account.id: Shop.of(account) for account in shops})
    step_outside()  # who looks on for so long must not hold a transaction open
    with checks.working(stack):
        took = sender.send(known)
        _wait_until_read(books, count)
    return took[WARM_UPS:]


@dataclass(frozen=True)
class Shop:
    """Where an account's notices go, and what signs them."""

    path: str
    secret: str

    @classmethod
    def of(cls, account: ProviderAccount) -> Self:
        """Look it up."""
        secret = accounts.connection(account).access.secrets["notice_secret"]
        return cls(f"/hooks/sandbox/{account.hook_token}", secret)


class Sender:
    """The bank's end of the line: a few connections that are kept."""

    def __init__(self, port: int, shops: Mapping[int, Shop]) -> None:
        self._port = port
        self._shops = shops
        self._lines = threading.local()

    def send(self, attempts: Sequence[dict[str, Any]]) -> list[float]:
        """Tell of each at its time; return the milliseconds from then until the answer."""
        began = time.monotonic() + 0.5
        with ThreadPoolExecutor(_SENDERS) as senders:
            sent = [
                senders.submit(self._tell, attempt, began + number / PER_SECOND)
                for number, attempt in enumerate(attempts)
            ]
            return [one.result() for one in sent]

    def _tell(self, attempt: dict[str, Any], at: float) -> float:
        body = json.dumps(
            {
                "id": f"ntc-{references.token()}",
                "type": "checkout.updated",
                "checkout_id": attempt["checkout_id"],
                "reference": attempt["reference"],
            }
        ).encode()
        shop = self._shops[attempt["account"]]
        signed = {"sandbox-signature": signature(shop.secret, body, int(time.time()))}
        time.sleep(max(0.0, at - time.monotonic()))
        line = self._line()
        line.request("POST", shop.path, body, signed)
        answer = line.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"a notice was answered with {answer.status}")
        return (time.monotonic() - at) * 1000

    def _line(self) -> http.client.HTTPConnection:
        if not hasattr(self._lines, "open"):
            self._lines.open = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        line: http.client.HTTPConnection = self._lines.open
        return line


def _wait_until_read(books: rows.Books, count: int) -> None:
    """Wait until the worker has read every attempt that was told of.

    Raises:
        RuntimeError: it has not within five minutes.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        left = books.execute(_LEFT.encode()).fetchone()
        if left == {"stored": count, "known": count, "read": count}:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"of {count} notices came {left}")
        time.sleep(0.2)
