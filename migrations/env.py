"""Runs the migrations with the app's own engine, one process at a time."""

from alembic import context
from flask import current_app  # noqa: TID251  # Flask-Migrate runs this inside an app context
from sqlalchemy import text

database = current_app.extensions["migrate"].db

# A migration that waits for a busy table must fail and be tried again, not queue up every buyer
# behind itself. The advisory lock keeps two releases from migrating at once.
_TIMEOUTS = "SET lock_timeout = '2s'; SET statement_timeout = '60s'"
_ADVISORY_LOCK = 7_211_983


def run_migrations() -> None:
    with database.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text(_TIMEOUTS))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            compare_type=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()


run_migrations()
