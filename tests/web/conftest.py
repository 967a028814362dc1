"""A client without a browser."""

import pytest
from flask import Flask

from tests.pages import Pages


@pytest.fixture
def pages(rows: Flask) -> Pages:
    """A visitor without cookies."""
    return Pages(rows)
