import pytest

# The suites that adapters inherit are no test modules, and their asserts shall explain themselves.
pytest.register_assert_rewrite("tests.providers.contract", "tests.providers.contract_refunds")
pytest.register_assert_rewrite("tests.providers.switches", "tests.providers.tills")

from tests.sandbox import fixtures  # noqa: E402  # after the rewrite


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank with the other folders that ask for it."""
    fixtures.share(config)
