"""What the tests of the commands share."""

import pytest

from tests.sandbox import fixtures


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank with the other folders."""
    fixtures.share(config)
