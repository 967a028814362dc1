"""What the tests of the rules share: a real bank, and a second pair of eyes on the database."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from tests.sandbox import fixtures


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank with the other folders."""
    fixtures.share(config)


@pytest.fixture
def other(rows: Flask) -> Iterator[psycopg.Connection]:
    """A connection of somebody else to the same database; each statement is its own commit."""
    url = rows.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
