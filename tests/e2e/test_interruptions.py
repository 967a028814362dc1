"""Payments that are interrupted, by real processes: paid once or not at all, and said so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from dev.office import Office
from dev.stack import Stack
from tests.e2e.buyers_tab import PATIENCE_MS, Purchase, browsing, pay_button, press_at_bank, says
from tests.e2e.conftest import eventually
from tests.e2e.hung import hung
from tests.e2e.storms import UNLIMITED
from webapp.domain.payments import audit

pytestmark = [
    pytest.mark.drill,
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.xdist_group("interruptions"),
]

# The same code as in production with shorter waits.
SETTINGS: Final = UNLIMITED | {
    "START_TIMEOUT_S": "6",
    "START_PAUSE_S": "0.5",
    "PROVIDER_CREATE_TIMEOUT_S": "3",
    "PROVIDER_TIMEOUT_S": "3",
    "VERIFICATION_EVERY_S": "1",
    "CHECK_NEW_EVERY_S": "1",
    "CHECK_UNANSWERED_AFTER_S": "2",
    "CLOSING_RETRY_S": "1",
    "EXPIRY_EVERY_S": "1",
    "SESSION_CLEANUP_EVERY_S": "1",
}

# What the browser writes about requests that came to nothing on purpose.
BROKEN: Final = ("Failed to load resource", "net::ERR", "htmx:")


@dataclass(frozen=True)
class Shop:
    """The application with a bank, and both their books."""

    stack: Stack
    office: Office

    def purchase(self, browser: BrowserContext) -> Purchase:
        """Make an open link for a browser."""
        return Purchase(self.stack.url, self.stack.bank_url, self.office.link(1), browser)

    def states(self, code: str, table: str) -> list[str]:
        """Return the states of a link's attempts or sessions, the oldest first."""
        with self.office.books() as books:
            query = (
                f"SELECT one.state FROM {table} one JOIN payment_link l ON l.id = one.link_id"  # noqa: S608
                " WHERE l.code = %s ORDER BY one.id"
            )
            return [row["state"] for row in books.execute(query.encode(), [code]).fetchall()]

    def ends(self, code: str, *, is_paid: bool) -> None:
        """Hold our books against the bank's: it is paid once, or not at all."""
        with self.office.books() as books:
            attempts = books.execute(
                "SELECT a.reference, l.state FROM payment_attempt a"
                " JOIN payment_link l ON l.id = a.link_id WHERE l.code = %s",
                [code],
            ).fetchall()
            captures = books.execute(
                "SELECT c.payment_reference, c.state FROM capture c"
                " JOIN payment_link l ON l.id = c.link_id WHERE l.code = %s",
                [code],
            ).fetchall()
        ours = {row["reference"] for row in attempts}
        taken = [entry for entry in self.office.ledger() if entry["reference"] in ours]
        assert [entry["payment_id"] for entry in taken] == [
            row["payment_reference"] for row in captures
        ]
        assert [row["state"] for row in captures] == (["FULFILS"] if is_paid else [])
        assert {row["state"] for row in attempts} == {"PAID" if is_paid else "OPEN"}
        with self.office.app.app_context():
            assert audit.run().is_clean


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("interruptions")
    with Stack(folder, demo="plain", changes=SETTINGS) as stack:
        office = Office(stack)
        yield Shop(stack, office)
        office.close()


def test_a_tab_that_is_killed_before_the_return_finds_the_payment_paid(
    shop: Shop, browser: Browser
) -> None:
    with browsing(browser, expected=BROKEN) as context:
        purchase = shop.purchase(context)
        page = purchase.start()
        context.route("**/processing?**", lambda route: route.abort())
        press_at_bank(page, "Lose the notice")
        page.close()
        context.unroute_all()
        page = purchase.tab()
        purchase.shows_success(page)
    shop.ends(purchase.code, is_paid=True)


@pytest.mark.parametrize("has_arrived", [False, True], ids=["on the way", "on the way back"])
def test_a_press_that_the_network_loses_is_said_and_repeated(
    shop: Shop, browser: Browser, has_arrived: bool
) -> None:
    def lose(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        if has_arrived:
            route.fetch(max_redirects=0)
        route.abort()

    with browsing(browser, expected=BROKEN) as context:
        purchase = shop.purchase(context)
        page = purchase.tab()
        page.route(purchase.address, lose)
        pay_button(page).click()
        if has_arrived:  # the page finds out by itself that there is a payment already
            page.wait_for_url(f"{purchase.address}/processing", timeout=PATIENCE_MS)
            page.get_by_role("link", name="Continue at the bank").click()
        else:
            says(page, "Network error detected (attempt 1/3). Would you like to retry?")
            page.unroute_all()
            pay_button(page).click()
        press_at_bank(purchase.at_bank(page), "Pay")
        purchase.shows_success(page)
    assert shop.states(purchase.code, "payment_attempt") == ["SUCCEEDED"]
    shop.ends(purchase.code, is_paid=True)


def test_a_bank_that_is_slow_beyond_the_limit_is_a_time_out_and_the_next_try_pays(
    shop: Shop, browser: Browser
) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        page = purchase.tab()
        with hung(shop.stack, "bank"):
            pay_button(page).click()
            page.wait_for_url(f"{purchase.address}/processing", timeout=PATIENCE_MS)
            says(page, "Processing payment...")
            says(page, "Payment timeout (attempt 1/3). You can retry or cancel.")
            page.get_by_role("button", name=re.compile("Try again")).click()
            says(page, "Checking your last payment first…")
        page.wait_for_url(purchase.address, timeout=PATIENCE_MS)
        pay_button(page).click()
        press_at_bank(purchase.at_bank(page), "Pay")
        purchase.shows_success(page)
    shop.ends(purchase.code, is_paid=True)


def test_three_declines_are_the_last_and_nothing_is_paid(shop: Shop, browser: Browser) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        page = purchase.tab()
        for number in (1, 2, 3):
            pay_button(page).click()
            press_at_bank(purchase.at_bank(page), "Decline")
            page.wait_for_url(purchase.address, timeout=PATIENCE_MS)
            if number < 3:
                says(page, f"Payment declined (attempt {number}/3). Would you like to retry?")
        says(page, "Maximum retry attempts exceeded.")
        expect(pay_button(page)).to_have_count(0)
    assert shop.states(purchase.code, "payment_attempt") == ["FAILED"] * 3
    shop.ends(purchase.code, is_paid=False)


def test_two_tabs_that_press_pay_make_one_payment_and_both_say_so(
    shop: Shop, browser: Browser
) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        tabs = [purchase.tab(), purchase.tab()]
        for page in tabs:
            page.evaluate("setTimeout(() => document.querySelector('[data-pay]').requestSubmit())")
        for page in tabs:
            page.wait_for_url(lambda url: url != purchase.address, timeout=PATIENCE_MS)
        assert len(shop.states(purchase.code, "payment_attempt")) == 1
        first, second = sorted(tabs, key=lambda page: not page.url.startswith(purchase.bank_url))
        press_at_bank(purchase.at_bank(first), "Pay")
        purchase.shows_success(first)
        purchase.shows_success(second)
    shop.ends(purchase.code, is_paid=True)


def test_back_after_paying_lands_on_the_result(shop: Shop, browser: Browser) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        page = purchase.start()
        press_at_bank(page, "Pay")
        purchase.shows_success(page)
        page.evaluate("window.isTheOldOne = true")
        with page.expect_navigation(wait_until="commit"):
            page.evaluate("history.go(-2)")  # past the bank, to where "Pay" was pressed
        purchase.shows_success(page)
        expect(pay_button(page)).to_have_count(0)
        assert page.evaluate("window.isTheOldOne") is None
    shop.ends(purchase.code, is_paid=True)


def test_a_browser_that_was_restarted_goes_on_and_another_one_cannot(
    shop: Shop, browser: Browser
) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        purchase.start()
        kept = context.storage_state()
    with browsing(browser, expected=("409",)) as stranger:
        page = Purchase(purchase.url, purchase.bank_url, purchase.code, stranger).tab()
        elsewhere = "This payment was started on another device or in another browser"
        says(page, f"{elsewhere}. Please finish it there.")
        expect(page.get_by_role("link", name="Continue at the bank")).to_be_hidden()
        page.goto(f"{page.url.removesuffix('/processing')}/continue")
        says(page, elsewhere)
    with browsing(browser, kept=kept) as context:
        again = Purchase(purchase.url, purchase.bank_url, purchase.code, context)
        page = again.tab()
        page.get_by_role("link", name="Continue at the bank").click()
        press_at_bank(again.at_bank(page), "Pay")
        again.shows_success(page)
        expect(page.get_by_role("link", name="Open your tickets")).to_be_visible()
    assert shop.states(purchase.code, "payment_attempt") == ["SUCCEEDED"]
    shop.ends(purchase.code, is_paid=True)


def test_a_session_that_is_over_when_the_bank_says_paid_is_paid_all_the_same(
    shop: Shop, browser: Browser
) -> None:
    with browsing(browser) as context:
        purchase = shop.purchase(context)
        page = purchase.start()
        with shop.office.books() as books:
            books.execute(
                "UPDATE payment_session SET expires_at = now() FROM payment_link l"
                " WHERE l.id = link_id AND l.code = %s",
                [purchase.code],
            )
        eventually(lambda: shop.states(purchase.code, "payment_session") == ["EXPIRED"])
        press_at_bank(page, "Pay")
        purchase.shows_success(page)
    assert shop.states(purchase.code, "payment_session") == ["COMPLETED"]
    shop.ends(purchase.code, is_paid=True)
