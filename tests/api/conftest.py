"""A program that calls us."""

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.fixture
def client(rows: Flask) -> FlaskClient:
    """A client without cookies."""
    return rows.test_client()
