"""The pages of accounts in a real browser: on a phone, and for those who do not see them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.accessible import faults
from tests.chromium import Console
from tests.conftest import Configure
from tests.domain.at_sumup import AtSumUp, sumup_of
from tests.factories import Factories
from tests.web.desk import PASSWORD, user_of
from webapp.core import clock
from webapp.domain.payments import account_changes, accounts

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def at_sumup(make: Factories, configure: Configure, site: str) -> Iterator[AtSumUp]:
    configure(base_url=site)
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


@pytest.fixture
def desk(site: str, make: Factories, context: BrowserContext) -> Page:
    """The owner's tab after signing in."""
    owner = user_of(make.shop)
    page = context.new_page()
    page.goto(f"{site}/desk/sign-in?next=/desk/account")
    page.get_by_label("Email address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    return page


def test_a_merchant_goes_to_sumup_and_comes_back_connected(
    desk: Page, at_sumup: AtSumUp, console: Console
) -> None:
    console.expect("404")  # the fake has no icon
    desk.reload()
    desk.get_by_role("button", name="Connect with SumUp").click()
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Account")
    expect(desk.get_by_text("MCTEST42", exact=True)).to_be_visible()
    desk.get_by_role("button", name="Test connection of SumUp MCTEST42").click()
    expect(desk.get_by_text("The connection works")).to_be_visible()


def test_everybody_can_use_the_pages_on_a_phone(
    desk: Page, at_sumup: AtSumUp, make: Factories, site: str, console: Console
) -> None:
    console.expect("400")  # coming back from nowhere
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    bank = accounts.active(make.shop)
    account_changes.add(make.shop, "billing", {}, is_checked=False, may_borrow=True, actor="test")
    account = at_sumup.by_consent()
    make.change(
        bank,
        failing_since=clock.now() - timedelta(hours=1),
        rests_until=clock.now() + timedelta(minutes=4),
        last_failure="timed out",
    )
    for path in (
        "",
        "/connect/sumup",
        "/connect/paystack",
        "/connect/stripe",
        "/connect/billing",
        "/connect/sandbox",
        f"/{account.id}/replace",
        f"/{account.id}/disconnect",
        "/sumup/callback",
    ):
        desk.goto(f"{site}/desk/account{path}")
        assert faults(desk) == [], path
        wide = desk.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{path} is {wide} wide"
