"""The bank's page in a real browser, which holds us to our own security policy."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.accessible import faults
from tests.sandbox.merchant import TIMEOUT_S, Merchant
from tests.sandbox.receiver import Receiver
from webapp.providers.base import Created

pytestmark = pytest.mark.browser


@pytest.fixture
def pay_page(merchant: Merchant, receiver: Receiver, page: Page) -> Page:
    """A phone that shows a checkout, whose shop is another origin."""
    request = replace(
        merchant.request(), return_url=receiver.page_url, description="Wide " + "w" * 200
    )
    made = merchant.connection.create(request, timeout_s=TIMEOUT_S)
    assert isinstance(made, Created)
    page.set_default_timeout(TIMEOUT_S * 1000)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(made.url)
    return page


def test_a_button_leads_back_to_the_shop(pay_page: Page, receiver: Receiver) -> None:
    pay_page.get_by_role("button", name="Pay", exact=True).click()
    expect(pay_page).to_have_title("The shop")
    assert pay_page.url == receiver.page_url
    assert receiver.wait_for(1)


def test_an_ended_checkout_leads_back_to_the_shop(pay_page: Page, receiver: Receiver) -> None:
    address = pay_page.url
    pay_page.get_by_role("button", name="Decline").click()
    expect(pay_page).to_have_title("The shop")
    pay_page.goto(address)
    expect(pay_page.get_by_role("heading", name="This checkout is declined")).to_be_visible()
    pay_page.get_by_role("link", name="Back to the shop").click()
    expect(pay_page).to_have_title("The shop")


def test_the_page_fits_a_phone_and_everybody(pay_page: Page) -> None:
    assert pay_page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(pay_page) == []
