"""What the tests of the engine room share."""

import os
from collections.abc import Iterator

import pytest
from flask import Flask

from tests import database
from tests.tasks.engine import Engine, FragileRedis
from webapp.config import Settings
from webapp.extensions import db, queue_redis
from webapp.factory import create_app


@pytest.fixture(scope="session")
def fragile_redis() -> Iterator[FragileRedis]:
    """A Redis server that tests may stop and hang; no worker is there."""
    server = FragileRedis()
    yield server
    server.close()


@pytest.fixture(scope="session")
def engine_room(settings: Settings, worker_id: str) -> Iterator[Engine]:
    """One engine room for all tests of this process. Its rows and its Redis are its own."""
    server = FragileRedis()
    with database.copied(settings, os.environ["DATABASE_URL"], f"{worker_id}_engine") as url:
        own = settings.model_dump() | {"database_url": url, "redis_url": server.url}
        app = create_app(Settings.model_validate(own))
        engine = Engine(app, server)
        yield engine
        engine.close()
        with app.app_context():
            queue_redis.close()
            db.engine.dispose()
    server.close()


@pytest.fixture
def engine(engine_room: Engine) -> Iterator[Engine]:
    """The engine room with both workers waiting for jobs, inside its app's context."""
    engine_room.ready()
    with engine_room.app.app_context():
        yield engine_room


@pytest.fixture
def queues(fragile_redis: FragileRedis, app: Flask) -> Iterator[FragileRedis]:
    """An empty Redis without workers."""
    fragile_redis.client.flushall()
    with app.app_context():
        yield fragile_redis
