"""One settlement with two tickets, beside the bare SQL that writes the same rows."""

import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from bench import pending
from bench.results import Result, spread
from dev.office import SLUG, Office
from dev.stack import Stack
from webapp.domain.desk import merchants
from webapp.domain.payments import settlement
from webapp.providers.base import Observation

SAMPLES: Final = 300
WARM_UPS: Final = 30


def measure() -> Sequence[Result]:
    """Settle in this process on the stack's database; the queue is there and nobody works on it."""
    with Stack(programs=()) as stack:
        office = Office(stack)
        try:
            with office.app.app_context():
                ours, bare = _measure(office)
        finally:
            office.close()
    print(f"settlement: {spread(ours)} ms")
    print(f"bare SQL:   {spread(bare)} ms")
    ours_p50, bare_p50 = statistics.median(ours), statistics.median(bare)
    return [
        Result("settle.one_ms", ours_p50, "ms", bare_p50),
        Result("settle.ratio_to_bare_sql", ours_p50 / bare_p50, "ratio", 1.0),
    ]


def _measure(office: Office) -> tuple[list[float], list[float]]:
    merchant = merchants.make(SLUG, "Bench", support_email=None)
    merchants.connect_sandbox(merchant)
    ours, bare = [], []
    with office.books() as books:
        for number in range(WARM_UPS + SAMPLES):
            observation = pending.make(number).observation
            ours.append(_timed(partial(_settle, observation)))
            bare.append(_timed(_bare(books, pending.make(100_000 + number).observation)))
    return ours[WARM_UPS:], bare[WARM_UPS:]


def _settle(observation: Observation) -> None:
    settlement.apply(observation.reference, observation, actor="bench")


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _bare(books: psycopg.Connection[dict[str, Any]], said: Observation) -> Callable[[], None]:
    """Return what a settlement writes, as plain SQL in one transaction with the same locks."""
    found = books.execute(
        """
        SELECT a.id, a.link_id, a.session_id, a.provider_account_id, l.reference, l.version
        FROM payment_attempt a JOIN payment_link l ON l.id = a.link_id WHERE a.reference = %s
        """,
        [said.reference],
    ).fetchone()
    assert found is not None
    payment = said.payments[0]
    link_id, version, reference = found["link_id"], found["version"], found["reference"]
    codes = [f"TICKET:{reference}-{number}|{'x' * 140}" for number in (1, 2)]

    def write() -> None:
        with books.transaction(), books.cursor() as cursor:
            run = cursor.execute
            run("SELECT * FROM payment_link WHERE id = %s FOR UPDATE", [link_id])
            run("SELECT * FROM payment_session WHERE id = %s FOR UPDATE", [found["session_id"]])
            run("SELECT * FROM payment_attempt WHERE id = %s FOR UPDATE", [found["id"]])
            run(
                """
                INSERT INTO capture (link_id, attempt_id, provider_account_id, payment_reference,
                                     amount_minor, currency, paid_at, state)
                VALUES (%s, %s, %s, %s, %s, %s, %s, 'FULFILS')
                """,
                [
                    link_id, found["id"], found["provider_account_id"], payment.reference,
                    payment.money.minor, payment.money.currency, payment.paid_at,
                ],
            )  # fmt: skip
            run(
                """
                UPDATE payment_link SET state = 'PAID', paid_at = %s, may_hold_money = false,
                                        version = version + 3 WHERE id = %s
                """,
                [payment.paid_at, link_id],
            )
            run("UPDATE payment_attempt SET state = 'SUCCEEDED' WHERE id = %s", [found["id"]])
            run(
                "UPDATE payment_session SET state = 'COMPLETED' WHERE id = %s",
                [found["session_id"]],
            )
            cursor.executemany(
                """
                INSERT INTO ticket (link_id, number, serial, code, state)
                VALUES (%s, %s, %s, %s, 'ISSUED')
                """,
                [(link_id, n, f"{reference}-{n}", codes[n - 1]) for n in (1, 2)],
            )
            run(
                """
                INSERT INTO email_message (reference, promise, link_id, template, to_address,
                                           state, tries, repeats)
                VALUES (%s, %s, %s, 'tickets', 'buyer@buyers.example', 'QUEUED', 0, 0)
                """,
                [f"msg-{secrets.token_hex(13)}", f"tickets:{reference}", link_id],
            )
            cursor.executemany(
                """
                INSERT INTO payment_event (link_id, version, name, actor, subject, from_state,
                                           to_state, detail)
                VALUES (%s, %s, %s, 'bench', %s, 'PENDING', 'SUCCEEDED', %s)
                """,
                [
                    (link_id, version + n, name, reference, Jsonb({}))
                    for n, name in enumerate(
                        ("payment_confirmed", "attempt_succeeded", "session_completed"), 1
                    )
                ],
            )

    return write
