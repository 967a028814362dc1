"""Fixtures for tests that need the bank: one process a test run, an account a test.

A conftest gets them by calling `share(config)` in its `pytest_configure`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.factories import Factories
from tests.sandbox.merchant import Merchant
from tests.sandbox.process import BankProcess
from tests.sandbox.receiver import Receiver
from webapp.providers import http


def share(config: pytest.Config) -> None:
    """Make the fixtures of this module known, once, whichever folder asks first.

    A conftest that imported them would have a bank of its own.
    """
    plugin = sys.modules[__name__]
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, __name__)


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BankProcess]:
    """A bank that serves all tests of this process; each has an account of its own."""
    process = BankProcess(
        tmp_path_factory.mktemp("bank"), SANDBOX_LATE_S="0.2", SANDBOX_DOWN_S="600"
    )
    process.start()
    yield process
    process.kill()
    http.close()


@pytest.fixture
def own_bank(tmp_path: Path) -> Iterator[BankProcess]:
    """A bank that one test may kill."""
    process = BankProcess(tmp_path, SANDBOX_LATE_S="1", SANDBOX_DOWN_S="600")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A shop's server that takes notices."""
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def merchant(bank: BankProcess, receiver: Receiver) -> Merchant:
    """A new merchant whose notices go to the receiver."""
    return Merchant(bank.url, receiver.url)


@pytest.fixture
def at_bank(make: Factories, configure: Configure, bank: BankProcess) -> AtBank:
    """The shop as a customer of a bank that runs."""
    configure(sandbox_url=bank.url)
    return AtBank(make)
