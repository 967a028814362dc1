"""The unbound objects that the factory ties to an app."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

import redis
from flask import Flask, current_app  # noqa: TID251  # the settings hang on the app
from flask_login import LoginManager, current_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, registry
from werkzeug.local import LocalProxy

from webapp.config import Settings

# A web thread must not hang where the queue's Redis hangs: the sweeps find what it could not say.
QUEUE_TIMEOUT_S = 0.2

# A database's machine that vanishes says no goodbye, and the kernel would wait for two hours. In
# libpq's words and units: who is silent is asked after 30 s, and given up after 15 s more, or 10 s
# after something that we said did not arrive.
LOST_LINE: Mapping[str, int] = MappingProxyType(
    {
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
)


class Base(DeclarativeBase):
    """What every table has in common: names of constraints, and how Python's types are stored."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            int: BigInteger,
            str: Text,
            datetime: DateTime(timezone=True),
            dict[str, Any]: JSONB,
        },
    )


# Rows stay readable after their commit: whoever needs them fresh locks and re-reads them.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
csrf = CSRFProtect()
login_manager = LoginManager()
# It would sign out whoever changes from one network to another.
login_manager.session_protection = None

_SETTINGS = "tillgate.settings"
_QUEUE = "tillgate.queue_redis"

settings = cast(Settings, LocalProxy(lambda: current_app.extensions[_SETTINGS]))
queue_redis = cast(redis.Redis, LocalProxy(lambda: current_app.extensions[_QUEUE]))


def connect_redis(url: str, *, timeout_s: float | None) -> redis.Redis:
    """Make a client that repeats nothing. RQ wants bytes, so nothing is decoded.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        timeout_s: for connecting and for each answer; None waits, as a worker's own client must.
    """
    options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_timeout": timeout_s}
    if not url.startswith("unix:"):
        options["socket_connect_timeout"] = timeout_s
    if url.startswith("rediss:"):
        options["ssl_cert_reqs"] = (
            "none"  # Heroku's Redis shows a certificate that it signed itself
        )
    return redis.Redis.from_url(url, **options)


def settings_of(app: Flask) -> Settings:
    """Return an app's settings where none is current."""
    values: Settings = app.extensions[_SETTINGS]
    return values


def bind(app: Flask, values: Settings) -> None:
    """Tie every extension to the app; nothing is connected before it is used."""
    app.extensions[_SETTINGS] = values
    app.extensions[_QUEUE] = connect_redis(values.redis_url, timeout_s=QUEUE_TIMEOUT_S)
    db.init_app(app)
    csrf.init_app(app)
    # Its own `init_app` looks into the session at every answer, a buyer's polls among them, and for
    # every template: they would vary with the cookie and load a user whom nobody asks for.
    app.login_manager = login_manager  # type: ignore[attr-defined]
    app.jinja_env.globals["current_user"] = current_user
