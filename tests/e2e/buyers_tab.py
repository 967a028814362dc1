"""A buyer in a real browser, from the link to the bank and back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect

from tests.chromium import Console

PATIENCE_MS: Final = 60_000


@dataclass(frozen=True)
class Purchase:
    """One link in one browser; several tabs may be open at it."""

    url: str
    bank_url: str
    code: str
    browser: BrowserContext

    @property
    def address(self) -> str:
        """Where the link leads."""
        return f"{self.url}/pay/{self.code}"

    def tab(self) -> Page:
        """Open the link in a new tab."""
        page = self.browser.new_page()
        page.goto(self.address)
        return page

    def at_bank(self, page: Page) -> Page:
        """Wait until the bank's page is there."""
        page.wait_for_url(re.compile(f"^{re.escape(self.bank_url)}/"), timeout=PATIENCE_MS)
        return page

    def start(self) -> Page:
        """Open the link, press "Pay", and be at the bank."""
        page = self.tab()
        pay_button(page).click()
        return self.at_bank(page)

    def shows_success(self, page: Page) -> None:
        """Wait until a tab is on the page that says it is paid."""
        page.wait_for_url(f"{self.address}/success", timeout=PATIENCE_MS)
        expect(page.locator("#payment-status")).to_contain_text("Paid")


def pay_button(page: Page) -> Locator:
    """Return the button that begins a payment, the first or another."""
    return page.locator("form[data-pay] button")


def press_at_bank(page: Page, label: str) -> None:
    """Press a button of the bank's page."""
    page.get_by_role("button", name=label, exact=True).click()


def says(page: Page, sentence: str) -> None:
    """Wait until the page says a sentence, word for word."""
    expect(page.get_by_text(sentence, exact=True).first).to_be_visible(timeout=PATIENCE_MS)


@contextmanager
def browsing(
    browser: Browser, *, expected: tuple[str, ...] = (), kept: StorageState | None = None
) -> Iterator[BrowserContext]:
    """Open a browser for the block.

    Args:
        browser: the program.
        expected: parts of complaints that its console may have; any other fails the test.
        kept: the cookies of one that was closed.
    """
    context = browser.new_context(storage_state=kept)
    context.set_default_timeout(20_000)
    console = Console(expected=list(expected))
    console.watch(context)
    try:
        yield context
    finally:
        context.close()
    assert console.unexpected() == []
