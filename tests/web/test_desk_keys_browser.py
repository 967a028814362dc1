"""The pages for programs in a real browser: on a phone, and for those who do not see them."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.accessible import faults
from tests.factories import Factories, everything
from tests.web.desk import PASSWORD, user_of
from webapp.domain.desk import api_keys
from webapp.models import ApiKey

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def desk(site: str, make: Factories, context: BrowserContext) -> Page:
    """The owner's tab after signing in."""
    owner = user_of(make.shop)
    page = context.new_page()
    page.goto(f"{site}/desk/sign-in?next=/desk/keys")
    page.get_by_label("Email address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("For programs")
    return page


def test_a_key_is_copied_once_and_is_gone_with_the_page(
    desk: Page, context: BrowserContext, site: str
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.get_by_label("Name").fill("Web shop")
    desk.get_by_role("button", name="Make a key").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Key made")
    desk.get_by_role("button", name="Copy the key").click()
    expect(desk.get_by_role("button", name="Copied")).to_be_visible()
    copied = desk.evaluate("navigator.clipboard.readText()")
    assert api_keys.of(copied) is not None
    desk.get_by_role("link", name="I have copied it").click()
    expect(desk.get_by_role("row", name="Web shop")).to_be_visible()
    assert copied not in desk.content()


def test_everybody_can_use_the_pages_on_a_phone(desk: Page, make: Factories, site: str) -> None:
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for name in ("Web shop", "A program with a name that is as long as names may be at all"):
        api_keys.make(make.shop, name, made_by="cli")
    make.change(make.shop, sites=["https://shop.example"], return_url="https://shop.example/cart")
    first, second = everything(ApiKey)
    api_keys.revoke(make.shop, first.prefix, actor="cli")
    for path in ("/desk/keys", f"/desk/keys/{second.prefix}/revoke", "/desk/sites", "made"):
        if path == "made":
            desk.goto(f"{site}/desk/keys")
            desk.get_by_label("Name").fill("Till")
            desk.get_by_role("button", name="Make a key").click()
            expect(desk.get_by_role("heading", level=1)).to_have_text("Key made")
        else:
            desk.goto(f"{site}{path}")
        assert faults(desk) == [], path
        wide = desk.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{path} is {wide} wide"
