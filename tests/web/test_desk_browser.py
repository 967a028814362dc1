"""The desk in a real browser: what a script adds, and that nobody is kept out."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accessible import faults
from tests.chromium import Console
from tests.conftest import Configure
from tests.domain.attending import be_paid_twice, waiting
from tests.factories import Factories, everything, paid
from tests.web.desk import PASSWORD, user_of
from webapp.domain.payments import links, settlement
from webapp.extensions import settings
from webapp.models import PaymentLink

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def desk(site: str, make: Factories, configure: Configure, context: BrowserContext) -> Page:
    """The owner's tab after signing in; the list polls often."""
    configure(desk_poll_s=0.5, poll_idle_s=0.5)
    owner = user_of(make.shop)
    page = context.new_page()
    page.goto(f"{site}/desk")
    page.get_by_label("Email address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment links")
    return page


def goto(desk: Page, path: str) -> None:
    """Open another page of the same site."""
    desk.goto("/".join([*desk.url.split("/")[:3], path.lstrip("/")]))


def test_the_list_keeps_itself_true(make: Factories, desk: Page) -> None:
    expect(desk.get_by_text("No payment links yet")).to_be_visible()
    attempt = make.pending()
    badge = desk.locator("tbody .badge")
    expect(badge).to_have_text("Paying…")
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    expect(badge).to_have_text("Paid")


def test_a_links_page_keeps_itself_true_and_says_aloud_only_the_news(
    make: Factories, desk: Page
) -> None:
    attempt = make.pending()
    goto(desk, f"/desk/links/{attempt.link.reference}")
    spoken = desk.locator("[data-announce]")
    expect(desk.locator("main .badge").first).to_have_text("Paying…")
    expect(spoken).to_be_empty()
    desk.get_by_role("link", name="Cancel the link").focus()
    links.cancel(make.shop, attempt.link.code, actor="test")
    expect(spoken).to_contain_text("Being canceled")
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    expect(spoken).to_have_text("Paid")
    expect(desk.get_by_text("The order is paid")).to_be_visible()


def test_a_session_that_has_ended_leads_the_polling_page_to_the_sign_in(
    make: Factories, desk: Page, context: BrowserContext, console: Console
) -> None:
    console.expect("401")
    console.expect("htmx:")
    context.clear_cookies()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert "next=%2Fdesk%2Flinks" in desk.url


def test_the_address_is_copied_by_one_press(
    make: Factories, desk: Page, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    link = make.link()
    goto(desk, f"/desk/links/{link.reference}")
    button = desk.get_by_role("button", name="Copy the address")
    button.click()
    expect(desk.get_by_role("button", name="Copied")).to_be_visible()
    copied = desk.evaluate("navigator.clipboard.readText()")
    assert copied == f"{settings.base_url}/pay/{link.code}"
    expect(button).to_be_visible()


def test_a_link_with_a_new_event_is_made_by_keyboard_and_pressing_twice_makes_one(
    make: Factories, desk: Page
) -> None:
    goto(desk, "/desk/links/new")
    title = desk.get_by_label("Title of the event")
    expect(title).to_be_hidden()
    desk.get_by_label("What it is for").fill("Two tickets")
    desk.get_by_label("Amount").fill("25,00")
    desk.get_by_label("Event", exact=True).select_option("new")
    title.fill("Evening")
    desk.get_by_label("Date and time").fill("2027-03-05T19:30")
    desk.get_by_label("Event", exact=True).select_option("")
    expect(title).to_be_hidden()
    desk.get_by_label("Event", exact=True).select_option("new")
    desk.get_by_label("Amount").press("Enter")
    expect(desk.locator("main .badge").first).to_have_text("Open")
    desk.go_back(wait_until="commit")  # out of the back/forward cache no page loads
    expect(desk.get_by_label("Amount")).to_have_value("25,00")
    desk.get_by_label("Amount").press("Enter")
    expect(desk.locator("main .badge").first).to_have_text("Open")
    assert len(everything(PaymentLink)) == 1


def test_a_mistake_takes_the_focus_and_leads_to_its_field(desk: Page, console: Console) -> None:
    console.expect("422")
    goto(desk, "/desk/links/new")
    desk.get_by_role("button", name="Make and open").click()
    summary = desk.locator("#errors")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Amount").click()
    expect(desk.get_by_label("Amount")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody_and_fits_a_phone(
    make: Factories, desk: Page, scheme: str
) -> None:
    desk.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    event = make.event()
    attempt = make.pending(event=event, buyer_name="Ada")
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    twice = be_paid_twice(make)
    (surplus,) = waiting()
    draft, opened = make.draft(title="x" * 200), make.link()
    for path in (
        "/desk/links",
        "/desk/links?q=nothing",
        "/desk/links/new",
        f"/desk/links/{attempt.link.reference}",
        f"/desk/links/{twice.link.reference}",
        f"/desk/links/{twice.link.reference}/looked-after?matter={surplus.id}",
        f"/desk/links/{draft.reference}",
        f"/desk/links/{draft.reference}/open",
        f"/desk/links/{opened.reference}/cancel",
        "/desk/sign-in",
    ):
        if path == "/desk/sign-in":
            desk.get_by_role("button", name="Sign out").click()
        else:
            goto(desk, path)
        expect(desk.get_by_role("heading", level=1)).to_be_visible()
        assert faults(desk) == [], path
        wide = desk.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{path} is {wide} wide"


def test_without_javascript_a_link_is_made_and_canceled(
    browser: Browser, site: str, make: Factories
) -> None:
    owner = user_of(make.shop)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/desk/links/new")
    page.get_by_label("Email address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("What it is for").fill("Two tickets")
    page.get_by_label("Amount").fill("25")
    expect(page.get_by_label("Title of the event")).to_be_visible()
    page.get_by_role("button", name="Make and open").click()
    expect(page.get_by_role("button", name="Copy the address")).to_be_hidden()
    page.get_by_role("link", name="Cancel the link").click()
    page.get_by_role("button", name="Cancel the link").click()
    expect(page.locator("main .badge").first).to_have_text("Canceled")
    context.close()
