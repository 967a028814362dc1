"""What the tests of the rules share: a real bank, and a second pair of eyes on the database."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from tests.domain.refunding import Asked
from tests.sandbox import fixtures
from webapp.providers.connection import Connection
from webapp.providers.refunds import RefundAnswer, RefundWish


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank with the other folders."""
    fixtures.share(config)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What any provider was asked to send back."""
    wishes: Asked = []
    real = Connection.refund

    def refund(self: Connection, wish: RefundWish, *, timeout_s: float) -> RefundAnswer:
        wishes.append((wish.key, wish.money.minor))
        return real(self, wish, timeout_s=timeout_s)

    monkeypatch.setattr(Connection, "refund", refund)
    return wishes


@pytest.fixture
def other(rows: Flask) -> Iterator[psycopg.Connection]:
    """A connection of somebody else to the same database; each statement is its own commit."""
    url = rows.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
