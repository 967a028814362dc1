"""What every test may ask for: the app on a database of its own, and rows in it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from argon2 import PasswordHasher
from flask import Flask

from tests import database
from tests.factories import Factories
from tests.sandbox import process as bank_process
from webapp import logs
from webapp.config import Settings
from webapp.domain.desk import passwords
from webapp.extensions import connect_redis, db, queue_redis
from webapp.factory import create_app
from webapp.providers import http

Configure = Callable[..., Settings]

_HASHER, _NOBODYS = passwords._HASHER, passwords._NOBODYS


@pytest.fixture(scope="session")
def settings(worker_id: str) -> Settings:
    """Settings of this test process: its own number of Redis, and its own database to come."""
    if "DATABASE_URL" not in os.environ:
        pytest.exit("Run the tests with `make test`, or `make test T=tests/unit`.", returncode=2)
    number = int(worker_id.removeprefix("gw") or 0) + 1 if worker_id != "master" else 0
    redis_url = f"{os.environ['REDIS_URL']}?db={number}"
    return Settings.model_validate(
        {
            **{name.lower(): value for name, value in os.environ.items()},
            "redis_url": redis_url,
            "sandbox_secret": bank_process.SECRET,
            "database_pool": 60,
            # One browser fetches in a second what a buyer does in a day; tests of limits set them.
            **dict.fromkeys(("limit_polls", "limit_polls_per_address", "limit_api"), 1_000_000),
            "limit_pages": 1_000_000,
        }
    )


@pytest.fixture(scope="session")
def app(settings: Settings, worker_id: str) -> Iterator[Flask]:
    """The real app on a database of this test process's own."""
    with database.copied(settings, os.environ["DATABASE_URL"], worker_id) as url:
        app = create_app(
            Settings.model_validate(settings.model_dump() | {"database_url": url}),
            has_commands=True,
        )
        logs.configure(level="INFO", as_json=True)
        yield app
        with app.app_context():
            queue_redis.close()
            db.engine.dispose()
        app.extensions["tillgate.status_lane"].reads.close()
        http.close()


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Passwords are hashed by small figures: hundreds of tests sign in, few are about the work."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_HASHER", hasher)
        patch.setattr(passwords, "_NOBODYS", hasher.hash("nobody's"))
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed by the figures that everybody's are."""
    monkeypatch.setattr(passwords, "_HASHER", _HASHER)
    monkeypatch.setattr(passwords, "_NOBODYS", _NOBODYS)


@pytest.fixture(scope="session")
def patient_redis(settings: Settings) -> Iterator[redis.Redis]:
    """The queue's Redis, by a client that a busy machine does not make give up."""
    with connect_redis(settings.redis_url, timeout_s=10) as client:
        yield client


@pytest.fixture
def rows(app: Flask, patient_redis: redis.Redis) -> Iterator[Flask]:
    """An app context on an empty database, emptied again afterwards."""
    with app.app_context():
        patient_redis.flushdb()
        yield app
        db.session.remove()
        with db.engine.begin() as connection:
            # Faster for a few rows than TRUNCATE, which makes every table's files anew; and all in
            # one message, which a driver takes where there are no values in it.
            connection.exec_driver_sql(
                ";".join(str(table.delete()) for table in reversed(db.metadata.sorted_tables))
            )


@pytest.fixture
def configure(app: Flask) -> Iterator[Callable[..., Settings]]:
    """Change settings for one test: `configure(check_new_every_s=1)`."""
    before: Settings = app.extensions["tillgate.settings"]

    def change(**changes: Any) -> Settings:
        now: Settings = app.extensions["tillgate.settings"]
        changed = Settings.model_validate(now.model_dump() | changes)
        app.extensions["tillgate.settings"] = changed
        return changed

    yield change
    app.extensions["tillgate.settings"] = before


@pytest.fixture
def make(rows: Flask) -> Factories:
    """Makes rows by the same operations that people use, as far as there are some."""
    return Factories()
