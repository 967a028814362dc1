"""Fixtures of the tests of the polling protocol: a scripted server, and tabs that look at it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.status_server import StatusServer
from tests.browser.tab import Tab, stop_time
from tests.chromium import share


def pytest_configure(config: pytest.Config) -> None:
    """Share one browser with every other folder that asks for it."""
    share(config)


@pytest.fixture
def server() -> Iterator[StatusServer]:
    """Return a server that plays the status route as the test writes it."""
    with StatusServer() as server:
        yield server


@pytest.fixture
def page(server: StatusServer, context: BrowserContext) -> Page:
    """Return an empty tab under real time. The server is there until the last page is closed."""
    return context.new_page()


@pytest.fixture
def tab(server: StatusServer, context: BrowserContext) -> Tab:
    """Return a tab whose clock stands still; nothing is open yet."""
    stop_time(context)
    return Tab(context.new_page(), server)


@pytest.fixture
def other_tab(tab: Tab, context: BrowserContext, server: StatusServer) -> Tab:
    """Return a second tab of the same buyer, under the same clock."""
    return Tab(context.new_page(), server)
