from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import chromium
from tests.sandbox import fixtures
from tests.sandbox.process import SECRET
from webapp.sandbox.bank import Bank
from webapp.sandbox.clockwork import Clockwork
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.store import Store


def pytest_configure(config: pytest.Config) -> None:
    """Share the bank, and the browser that looks at its page, with the other folders."""
    fixtures.share(config)
    chromium.share(config)


@pytest.fixture
def inner_bank(tmp_path: Path) -> Iterator[Bank]:
    """A bank without a server, whose clockwork stands still: for what depends on the time."""
    settings = BankSettings.model_validate(
        {
            "environment": "test",
            "sandbox_secret": SECRET,
            "sandbox_store": tmp_path / "bank.db",
        }
    )
    store = Store(settings.sandbox_store)
    yield Bank(settings, store, Clockwork(settings, store))
    store.close()
