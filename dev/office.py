"""The back office of a running stack: makes links quickly, and reads both sides' books."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import httpx2
import psycopg
from flask import Flask
from psycopg.rows import dict_row

from dev.stack import Stack
from webapp.config import Settings
from webapp.core import clock
from webapp.core.money import Money
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts, links
from webapp.extensions import db, queue_redis
from webapp.factory import create_app

SLUG = "demo"
_PRICE: Final = Money(2500, "EUR")


class Office:
    """Works on the stack's own database with the application's own rules."""

    def __init__(self, stack: Stack) -> None:
        values = {name.lower(): value for name, value in stack.environment.items()}
        self.settings = Settings.model_validate(values)
        self.app: Flask = create_app(self.settings)
        self._bank = stack.bank_url

    def close(self) -> None:
        """Let go of every connection."""
        with self.app.app_context():
            queue_redis.close()
            db.engine.dispose()

    def link(
        self,
        number: int,
        *,
        tickets: int = 2,
        life: timedelta | None = None,
        slug: str = SLUG,
        money: Money = _PRICE,
    ) -> str:
        """Make an open link of 25.00, or of other money for another merchant; return its code."""
        with self.app.app_context():
            merchant = merchants.get(slug)
            order = links.Order(
                title=f"Order number {number}",
                money=money,
                buyer_email=f"buyer-{number}@buyers.example",
                ticket_count=tickets,
                expires_at=clock.now() + life if life else None,
            )
            made = links.make(merchant, order, actor="office")
            return links.open_(merchant, made.reference, actor="office").code

    def ledger(self) -> list[dict[str, Any]]:
        """Return what the bank took for our merchant: its own books, not ours."""
        with self.app.app_context():
            account = accounts.active(merchants.get(SLUG))
            key = accounts.connection(account).access.secrets["api_key"]
        answer = httpx2.get(
            f"{self._bank}/v1/ledger", headers={"Authorization": f"Bearer {key}"}, timeout=10
        )
        answer.raise_for_status()
        payments: list[dict[str, Any]] = json.loads(answer.text)
        return payments

    def rows_of(self, codes: Sequence[str], query: str, *, within_s: float) -> dict[str, Any]:
        """Wait until a query finds a row for each link, and return them by the links' codes.

        Args:
            codes: the links'.
            query: it selects `l.code` among others, for codes that are ANY(%s).
            within_s: how long to wait, in seconds.

        Raises:
            RuntimeError: some had none by then.
        """
        deadline = time.monotonic() + within_s
        while True:
            with self.books() as books:
                rows = books.execute(query.encode(), [list(codes)]).fetchall()
            if len(rows) == len(codes):
                return {row["code"]: row for row in rows}
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(rows)} of {len(codes)} were seen in {within_s} s")
            time.sleep(0.5)

    @contextmanager
    def books(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """Open our database to look into it."""
        url = self.settings.database_url.replace("+psycopg", "")
        with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
            yield connection
