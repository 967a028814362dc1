"""The button that pays, in a real browser: one press, and a plain word when it got lost."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import APIResponse, Browser, BrowserContext, Dialog, Page, Route, expect
from sqlalchemy import func

from tests.chromium import Console
from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.factories import Factories, everything, observed
from webapp.core.states import SessionState
from webapp.domain.payments import settlement
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession
from webapp.providers.base import ProviderState

pytestmark = pytest.mark.browser

# The shop asks the bank for a checkout, and the bank shows its page.
PATIENCE_MS = 20_000

BUSY = "Processing payment..."
NETWORK = "Network error detected (attempt 1/3). Would you like to retry?"
TIMEOUT = "Payment timeout (attempt 1/3). You can retry or cancel."


@pytest.fixture
def link(make: Factories, at_bank: AtBank, configure: Configure) -> PaymentLink:
    """An open link whose buyers pay at a bank that runs. The page asks seldom by itself."""
    configure(poll_idle_s=50)
    return make.link()


@pytest.fixture
def tab(site: str, link: PaymentLink, page: Page, console: Console) -> Page:
    """The pay page of the link."""
    console.expect("Failed to load resource")  # the network is cut on purpose
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{site}/pay/{link.code}")
    return page


def on_press(page: Page, act: Callable[[Route], None]) -> None:
    """Deal with a press by a script instead of letting it through."""
    page.route(
        re.compile(r"/pay/\w+$"),
        lambda route: act(route) if route.request.method == "POST" else route.continue_(),
    )


def wait_until(page: Page, is_so: Callable[[], bool]) -> None:
    """Let the browser go on until something is so."""
    for _ in range(PATIENCE_MS // 50):
        if is_so():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never was")


def button(page: Page, name: str = "Pay €25.00") -> None:
    """Press the button of this name."""
    page.get_by_role("button", name=name).click()


def test_the_button_says_that_it_is_at_it_and_leads_to_the_bank(tab: Page, site: str) -> None:
    held: list[Route] = []
    on_press(tab, held.append)
    button(tab)
    expect(tab.get_by_role("button", name=BUSY)).to_be_disabled()
    held[0].continue_()
    tab.wait_for_url(lambda url: not url.startswith(site))
    expect(tab.get_by_role("button", name="Pay", exact=True)).to_be_visible()


def test_a_double_click_is_one_press(tab: Page, site: str, link: PaymentLink) -> None:
    presses: list[str] = []
    tab.on("request", lambda one: presses.append(one.method) if one.method == "POST" else None)
    tab.get_by_role("button", name="Pay €25.00").dblclick(no_wait_after=True)
    tab.wait_for_url(lambda url: not url.startswith(site))
    assert presses == ["POST"]
    assert len(everything(PaymentAttempt)) == 1


@pytest.fixture
def moves(tab: Page) -> list[str]:
    """Have the page ask all the time, as if another tab had news; return where it was sent."""
    found: list[str] = []
    tab.on("response", lambda one: found.extend(filter(None, [one.headers.get("hx-redirect")])))
    tab.evaluate("""() => {
      const {code} = document.querySelector("[data-poll]").dataset;
      const channel = new BroadcastChannel(`pay:${code}`);
      setInterval(() => channel.postMessage("news"), 200);
    }""")
    return found


def test_no_poll_moves_the_page_while_a_press_is_under_way(
    tab: Page, site: str, link: PaymentLink, moves: list[str]
) -> None:
    held: list[tuple[Route, APIResponse]] = []
    on_press(tab, lambda route: held.append((route, route.fetch())))
    button(tab)
    expect(tab.get_by_role("button", name=BUSY)).to_be_disabled()
    wait_until(tab, lambda: len(moves) > 1)
    assert tab.url == f"{site}/pay/{link.code}"
    expect(tab.get_by_role("button", name=BUSY)).to_be_disabled()
    ((route, answer),) = held
    route.fulfill(response=answer)
    tab.wait_for_url(lambda url: not url.startswith(site))


def test_no_poll_calls_the_buyer_back_who_is_on_the_way_to_the_bank(
    tab: Page, site: str, moves: list[str]
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    tab.route(lambda url: not url.startswith(site), hold)
    tab.get_by_role("button", name="Pay €25.00").click(no_wait_after=True)
    wait_until(tab, lambda: len(moves) > 1)
    held[0].continue_()
    tab.wait_for_url(lambda url: not url.startswith(site))


def test_a_way_to_the_bank_that_leads_nowhere_ends_at_the_payment(
    site: str, page: Page, link: PaymentLink, configure: Configure
) -> None:
    configure(start_timeout_s=2)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{site}/pay/{link.code}")
    page.route(lambda url: not url.startswith(site), lambda _: None)
    button(page)
    page.wait_for_url(f"{site}/pay/{link.code}/processing")
    expect(page.get_by_role("link", name="Continue at the bank")).to_be_visible()


def test_a_press_that_the_network_swallowed_is_said_and_can_be_repeated(
    tab: Page, site: str
) -> None:
    on_press(tab, lambda route: route.abort("connectionreset"))
    button(tab)
    expect(tab.get_by_role("alert").filter(has_text=NETWORK)).to_be_visible()
    again = tab.get_by_role("button", name="Try again")
    expect(again).to_be_enabled()
    expect(again).to_be_focused()
    assert everything(PaymentAttempt) == []
    tab.unroute_all()
    again.click()
    tab.wait_for_url(lambda url: not url.startswith(site))
    assert len(everything(PaymentAttempt)) == 1


def test_without_a_network_at_all_the_press_is_said_to_have_failed(
    tab: Page, context: BrowserContext
) -> None:
    context.set_offline(True)
    button(tab)
    expect(tab.get_by_text(NETWORK)).to_be_visible()
    context.set_offline(False)


def test_after_a_lost_answer_the_page_moves_to_the_payment_by_itself(
    tab: Page, site: str, link: PaymentLink
) -> None:
    def lose(route: Route) -> None:
        route.fetch()  # it arrives, and is answered
        route.abort("connectionreset")

    on_press(tab, lose)
    tab.wait_for_timeout(1000)  # a page asks once a second at most
    button(tab)
    tab.wait_for_url(f"{site}/pay/{link.code}/processing")
    assert len(everything(PaymentAttempt)) == 1
    # The browser is known: it can go on where the lost answer would have led.
    tab.get_by_role("link", name="Continue at the bank").click()
    expect(tab.get_by_role("button", name="Pay", exact=True)).to_be_visible()


def test_a_press_without_an_answer_is_a_timeout_that_can_be_canceled(
    site: str, page: Page, link: PaymentLink, configure: Configure, console: Console
) -> None:
    configure(start_timeout_s=1)
    console.expect("Failed to load resource")
    page.goto(f"{site}/pay/{link.code}")
    held: list[Route] = []
    on_press(page, held.append)
    button(page)
    expect(page.get_by_role("button", name=BUSY)).to_be_disabled()
    expect(page.get_by_role("alert").filter(has_text=TIMEOUT)).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    assert len(held) == 1
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Pay €25.00")).to_be_visible()


def test_a_refusal_has_its_page(site: str, page: Page, make: Factories, console: Console) -> None:
    console.expect("Failed to load resource")
    link = make.link(buyer_email=None)
    page.goto(f"{site}/pay/{link.code}")
    page.get_by_label("Your email address").fill("nobody@nowhere")
    button(page)
    expect(page.locator("#email-error")).to_be_visible()
    expect(page.get_by_label("Your email address")).to_have_value("nobody@nowhere")


def test_no_dialog_comes_between_the_press_and_the_bank(tab: Page, site: str) -> None:
    dialogs: list[str] = []

    def leave(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    tab.on("dialog", leave)
    button(tab)
    tab.wait_for_url(lambda url: not url.startswith(site))
    assert dialogs == []


def test_back_from_the_bank_lands_on_the_payment_and_the_button_is_no_trap(
    tab: Page, site: str, link: PaymentLink
) -> None:
    button(tab)
    tab.wait_for_url(lambda url: not url.startswith(site))
    tab.go_back(wait_until="commit")
    tab.wait_for_url(f"{site}/pay/{link.code}/processing")
    expect(tab.get_by_role("link", name="Continue at the bank")).to_be_visible()


def test_a_page_out_of_the_browsers_cache_can_be_pressed_again(
    tab: Page, site: str, link: PaymentLink
) -> None:
    held: list[Route] = []
    on_press(tab, held.append)
    button(tab)
    expect(tab.get_by_role("button", name=BUSY)).to_be_disabled()
    tab.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(tab.get_by_role("button", name="Pay €25.00")).to_be_enabled()
    expect(tab.locator("[data-pay-notice]:visible")).to_have_count(0)


def test_without_a_script_the_form_does_the_work(
    browser: Browser, site: str, link: PaymentLink
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/pay/{link.code}")
    button(page)
    page.wait_for_url(lambda url: not url.startswith(site))
    context.close()
    assert len(everything(PaymentAttempt)) == 1


def test_the_pay_button_comes_back_when_attempts_may_be_begun_again(
    site: str, page: Page, make: Factories, link: PaymentLink
) -> None:
    page.goto(f"{site}/pay/{link.code}")
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "sitting")
    for _ in range(3):
        attempt = make.pending(link, token=token)
        said = observed(attempt, ProviderState.FAILED)
        settlement.apply(attempt.reference, said, actor="test")
    (session,) = everything(PaymentSession)
    assert session.state is SessionState.FAILED_MAX_RETRIES
    make.change(session, expires_at=func.now() + timedelta(seconds=2))
    page.goto(f"{site}/pay/{link.code}")
    expect(page.get_by_text("You can start again at")).to_be_visible()
    expect(page.get_by_role("button", name="Pay €25.00")).to_be_visible()
