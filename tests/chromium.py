"""Chromium for every test that needs a browser: one process a test run, a fresh profile a test.

A conftest gets these fixtures by calling `share(config)` in its `pytest_configure`.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

if TYPE_CHECKING:
    from tests.browser.tab import Tab

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

# Only the last such list on a command line counts: first what Playwright itself names, then the
# address bar's own pages, which each new window would load although nobody sees an address bar.
# They take as much of a processor as the test's page.
_UNUSED_FEATURES = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
)
# The sandbox cannot work for root; the others keep the browser from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(_UNUSED_FEATURES)}",
)


def share(config: pytest.Config) -> None:
    """Make the fixtures of this module known, once, whichever folder asks first.

    A conftest that imported them would have a browser of its own.
    """
    plugin = sys.modules[__name__]
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, __name__)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that need a browser in one process: each would start a Chromium of its own."""
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass
class Console:
    """What the browser complained about: errors, warnings, policy violations, exceptions."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, part: str) -> None:
        """Take complaints that contain this text for granted from now on."""
        self.expected.append(part)

    def watch(self, context: BrowserContext) -> None:
        """Collect the complaints of every page of this context."""
        context.on(
            "console",
            lambda message: (
                self.complaints.append(f"{message.type}: {message.text}")
                if message.type in {"error", "warning"}
                else None
            ),
        )
        context.on("weberror", lambda failure: self.complaints.append(f"thrown: {failure.error}"))

    def unexpected(self) -> list[str]:
        """Return the complaints that no test asked for."""
        return [
            complaint
            for complaint in self.complaints
            if not any(part in complaint for part in self.expected)
        ]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return the one Chromium of this test process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            # Playwright switches the back/forward cache off; buyers have it on.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def console() -> Console:
    """Return what watches the pages of `context`; at the end of a test it has to be empty."""
    return Console()


@pytest.fixture
def context(browser: Browser, console: Console) -> Iterator[BrowserContext]:
    """Return a fresh profile. A complaint that nobody expected fails the test."""
    context = browser.new_context()
    context.set_default_timeout(5_000)
    console.watch(context)
    yield context
    context.close()
    assert not console.unexpected(), "\n".join(console.unexpected())


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return an empty tab of the fresh profile."""
    return context.new_page()


@pytest.fixture
def rough(console: Console) -> None:
    """Expect what the browser and htmx write about answers that failed."""
    console.expect("Failed to load resource")
    console.expect("htmx:")


@pytest.fixture
def dialogs(tab: "Tab") -> list[str]:
    """Return the kinds of dialogs that came up in `tab`; each is answered with "leave"."""
    kinds: list[str] = []

    def leave(dialog: Dialog) -> None:
        kinds.append(dialog.type)
        dialog.accept()

    tab.page.on("dialog", leave)
    return kinds
