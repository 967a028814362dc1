"""Leaving a payment that gets nowhere, in a real browser: what is offered comes by itself."""

import pytest
from playwright.sync_api import Page, expect

from tests.accessible import faults
from tests.chromium import Console
from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.closings import step
from tests.factories import Factories, everything
from webapp.domain.payments import audit, starts
from webapp.models import PaymentAttempt, PaymentLink

pytestmark = pytest.mark.browser

# The shop asks the bank for a checkout, and the bank shows its page.
PATIENCE_MS = 20_000


@pytest.fixture
def link(at_bank: AtBank, make: Factories, configure: Configure) -> PaymentLink:
    """An open link whose buyers pay at a bank that runs, and need not be patient."""
    configure(start_timeout_s=2, poll_interval_s=0.5)
    return make.link()


@pytest.fixture
def tab(site: str, link: PaymentLink, page: Page, console: Console) -> Page:
    """A tab that was at the bank, and came back without having paid."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{site}/pay/{link.code}")
    page.get_by_role("button", name="Pay €25.00").click()
    page.get_by_role("button", name="Pay", exact=True).wait_for()
    page.goto(f"{site}/pay/{link.code}/processing")
    return page


def test_trying_again_is_offered_after_a_while_and_leads_back_to_the_button(
    tab: Page, link: PaymentLink, make: Factories
) -> None:
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: dialogs.append(dialog.type))
    again = tab.get_by_role("button", name="Try again (attempt 2/3)")
    expect(again).to_be_visible()
    expect(tab.get_by_role("button", name="Cancel")).to_be_visible()
    assert faults(tab) == []
    again.click()
    expect(tab.get_by_role("status")).to_contain_text("Checking your last payment first…")
    expect(again).to_be_hidden()
    step(make, link)
    tab.wait_for_url(f"**/pay/{link.code}")
    expect(again).to_be_visible()
    expect(tab.get_by_role("list")).to_contain_text("Not finished in time")
    again.click()
    tab.get_by_role("button", name="Pay", exact=True).wait_for()
    first, second = everything(PaymentAttempt)
    assert (first.state, first.is_current, second.number) == ("EXPIRED", False, 2)
    assert dialogs == []
    assert audit.run().is_clean


def test_whoever_did_not_begin_it_is_not_sent_to_the_bank_however_long_they_watch(
    make: Factories, configure: Configure, site: str, page: Page
) -> None:
    configure(start_timeout_s=2, poll_interval_s=0.5)
    code = make.pending().link.code
    page.goto(f"{site}/pay/{code}/processing")
    to_bank, there = page.locator("#to-bank"), page.get_by_text("finish it there")
    expect(there).to_be_visible()
    expect(to_bank).to_be_hidden()
    # The next fragment is the same for everyone, and brings the link along.
    again = page.get_by_role("button", name="Start again here")
    expect(again).to_be_visible(timeout=PATIENCE_MS)
    expect(to_bank).to_have_count(1)
    expect(to_bank).to_be_hidden()
    assert faults(page) == []
    starts.again(code, None)
    expect(there).to_be_hidden(timeout=PATIENCE_MS)


def test_canceling_leads_back_to_the_pay_page(
    tab: Page, link: PaymentLink, make: Factories
) -> None:
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.get_by_role("status")).to_contain_text("Payment cancelled")
    step(make, link)
    tab.wait_for_url(f"**/pay/{link.code}")
    expect(tab.get_by_role("status")).to_contain_text("Payment cancelled")
    expect(tab.get_by_role("button", name="Pay €25.00")).to_be_visible()
