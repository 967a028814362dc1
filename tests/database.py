"""A database for each test process, copied from one template that the migrations made."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from flask_migrate import upgrade
from psycopg import sql

from webapp.config import ROOT, Settings
from webapp.extensions import db
from webapp.factory import create_app

# One process makes the template, the others wait for it.
_MAKING_THE_TEMPLATE = 4_711


def named(url: str, database: str) -> str:
    """Return the address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def copied(settings: Settings, server_url: str, worker: str) -> Iterator[str]:
    """Make this test process's own database for the block, and return its address."""
    template = f"template_{_digest()}"
    own = f"{template}_{worker}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_MAKING_THE_TEMPLATE])
        found = server.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [template]
        ).fetchone()
        if not found:
            _make_template(server, settings, server_url, template)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(own))
        server.execute(drop)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(own), sql.Identifier(template)
            )
        )
        server.execute("SELECT pg_advisory_unlock(%s)", [_MAKING_THE_TEMPLATE])
        yield named(server_url, own)
        server.execute(drop)


def _make_template(
    server: psycopg.Connection[tuple[object, ...]],
    settings: Settings,
    server_url: str,
    template: str,
) -> None:
    unfinished = f"{template}_unfinished"
    name = sql.Identifier(unfinished)
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    server.execute(sql.SQL("CREATE DATABASE {}").format(name))
    url = Settings.model_validate(
        settings.model_dump() | {"database_url": named(server_url, unfinished)}
    )
    app = create_app(url, has_commands=True)  # the migrations are one
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(name, sql.Identifier(template)))


def _digest() -> str:
    files = sorted(Path(ROOT / "migrations" / "versions").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
