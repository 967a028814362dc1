import re

from alembic import command, config
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import text

from webapp.config import ROOT
from webapp.extensions import db

VERSIONS = ROOT / "migrations" / "versions"


def test_migrations_are_numbered_and_follow_each_other() -> None:
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    before = None
    for name in names:
        source = (VERSIONS / name).read_text()
        revision = re.search(r'^revision: str = "(\w+)"', source, re.MULTILINE)
        follows = re.search(r"^down_revision: .* = (None|\"(\w+)\")", source, re.MULTILINE)
        assert revision is not None
        assert follows is not None
        assert follows[2] == before
        before = revision[1]


def test_the_migrations_make_exactly_the_tables_of_the_models(rows: Flask) -> None:
    command.check(_config(rows))


def test_every_migration_can_be_taken_back(rows: Flask) -> None:
    command.downgrade(_config(rows), "base")
    left = db.session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ).all()
    db.session.remove()
    command.upgrade(_config(rows), "head")
    assert left == ["alembic_version"]


def _config(app: Flask) -> config.Config:
    migrate: Migrate = app.extensions["migrate"].migrate
    made: config.Config = migrate.get_config(str(ROOT / "migrations"))
    return made
