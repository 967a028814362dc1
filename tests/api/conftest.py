"""A program that calls us."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.sandbox import fixtures


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank with the other folders."""
    fixtures.share(config)


@pytest.fixture
def client(rows: Flask) -> FlaskClient:
    """A client without cookies."""
    return rows.test_client()
