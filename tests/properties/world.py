"""The world of one history: an app with a clock that can be moved, and five banks over HTTP."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import psycopg
import pytest
from flask import Flask
from psycopg import sql

from tests import database
from tests.fakes.billing import BASE, FakeBilling
from tests.fakes.paystack import FakePaystack
from tests.fakes.serving import served
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.properties.bank import Bank, FakeBank
from tests.properties.banks import AtBilling, AtPaystack, AtStripe, AtSumUp
from tests.properties.fates import Fates
from tests.properties.sandbox_bank import AtSandbox, sandbox
from tests.properties.times import Times, can_pass
from webapp.config import Settings
from webapp.core import clock
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts
from webapp.domain.transaction import transaction
from webapp.extensions import db, queue_redis
from webapp.factory import create_app
from webapp.models import Merchant
from webapp.providers import http
from webapp.sandbox.app import create_app as create_bank

BANKS: Final = ("sandbox", "sumup", "paystack", "stripe", "billing")

# The same rules with a longer pace after the first hours: a history need not go on for days.
_SETTINGS: Final = {
    "provider_timeout_s": 5,
    "provider_create_timeout_s": 5,
    "check_old_every_s": 6 * 3600,
    "watch_after_end_s": 12 * 3600,
    "database_pool": 20,
}


class World:
    """What stays between the histories; each begins on empty tables, with a new bank."""

    def __init__(
        self,
        app: Flask,
        connection: psycopg.Connection,
        urls: dict[str, str],
        fakes: dict[str, Any],
    ) -> None:
        self.app = app
        self.database = connection
        self.times = Times(connection)
        self.fates = Fates(connection)
        self._urls = urls
        self._fakes = fakes
        self._client = app.test_client()
        self._sandbox = sandbox(urls["sandbox"])
        fakes["sandbox"] = create_bank(self._sandbox)

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Let the clock and the fates be this world's for the block; afterwards nothing is left."""
        with pytest.MonkeyPatch.context() as patch, self.app.app_context():
            patch.setattr(clock, "_offset", self.times)
            self.fates.rule(patch)
            # A question before each of so many transactions.
            patch.setattr(db.engine.pool, "_pre_ping", False)
            yield
            self.empty()
            db.session.remove()

    def begin_anew(self, name: str) -> tuple[Merchant, Bank]:
        """Forget everything, and return a merchant with an account at a new bank."""
        self.empty()
        bank = self._bank(name)
        opening = bank.opening()
        merchant = merchants.make("shop", "Shop", support_email=None)
        with transaction():
            account = accounts.connect(
                merchant,
                name,
                opening.external_account,
                is_live=opening.is_live,
                secrets=opening.secrets,
            )
        bank.listen(f"{self._base_url}/hooks/{name}/{account.hook_token}")
        return merchant, bank

    def empty(self) -> None:
        """Take everything off the tables."""
        db.session.remove()
        self.times.begin_anew()
        queue_redis.flushdb()
        tables = (sql.Identifier(table.name) for table in reversed(db.metadata.sorted_tables))
        self.database.execute(sql.SQL(";").join(map(sql.SQL("DELETE FROM {}").format, tables)))

    def bring(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Bring a notice to our door; return what it was answered."""
        path = urlsplit(url).path
        return self._client.post(path, data=body, headers=headers).status_code

    @property
    def _base_url(self) -> str:
        settings: Settings = self.app.extensions["tillgate.settings"]
        return settings.base_url

    def _bank(self, name: str) -> Bank:
        if name == "sandbox":
            return AtSandbox(self._sandbox)
        kinds: dict[str, Callable[[], FakeBank]] = {
            "sumup": lambda: AtSumUp(FakeSumUp()),
            "paystack": lambda: AtPaystack(FakePaystack()),
            "stripe": lambda: AtStripe(FakeStripe()),
            "billing": lambda: AtBilling(FakeBilling()),
        }
        bank = kinds[name]()
        bank.fake.url = self._urls[name]
        self._fakes[name] = bank.fake
        return bank


@contextmanager
def running(settings: Settings, server_url: str, worker: str) -> Iterator[World]:
    """Run an app on a database of its own, and five banks, for the block."""
    fakes: dict[str, Any] = {}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(served(partial(_answer, fakes, name))) for name in BANKS}
        own_url = stack.enter_context(database.copied(settings, server_url, f"{worker}_histories"))
        with psycopg.connect(own_url, autocommit=True) as preparing:
            can_pass(preparing)
        connection = stack.enter_context(psycopg.connect(own_url, autocommit=True))
        app = create_app(
            Settings.model_validate(
                settings.model_dump()
                | _SETTINGS
                | {f"{name}_url": url for name, url in urls.items()}
                | {"billing_base_url": f"{urls['billing']}{BASE}", "database_url": own_url}
            )
        )
        yield World(app, connection, urls, fakes)
        with app.app_context():
            queue_redis.close()
            db.engine.dispose()
        http.close()


def _answer(
    fakes: Mapping[str, WSGIApplication], name: str, environ: WSGIEnvironment, start: StartResponse
) -> Iterable[bytes]:
    """Let the bank answer that is there at the moment."""
    return fakes[name](environ, start)
