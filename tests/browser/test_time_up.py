"""The end of the polling time: a question, extensions without number, and then another page."""

import threading

import pytest
from playwright.sync_api import expect

from tests.browser.status_server import CODE, StatusServer, fragment, refused, unchanged
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
EXPIRED = f"/pay/{CODE}/expired"


@pytest.fixture(autouse=True)
def limits(server: StatusServer) -> None:
    """Let ten seconds be left of a limit of twenty."""
    server.attributes |= {"data-deadline-s": "10", "data-limit-s": "20"}


def open_until_time_is_up(tab: Tab) -> None:
    """Open the page, write an address, and let the time run out."""
    tab.open()
    tab.page.locator("#email").click()
    for _ in range(3):
        tab.asks_after(3)
    tab.let_pass(1)


def test_when_time_is_up_polling_stops_and_the_button_has_the_focus(tab: Tab) -> None:
    tab.open()
    tab.let_pass(9.9)
    tab.settle()
    expect(tab.page.locator("[data-poll-timeup]")).to_be_hidden()
    tab.let_pass(0.1)
    expect(tab.page.get_by_role("alert")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Keep checking")).to_be_focused()
    asked = tab.asked
    tab.let_pass(59)
    assert tab.asked == asked
    assert tab.heard("timeouts") == 1


def test_keep_checking_goes_on_where_the_buyer_was_any_number_of_times(tab: Tab) -> None:
    open_until_time_is_up(tab)
    for _ in range(2):
        asked = tab.asked
        tab.let_pass(20)
        tab.page.keyboard.press("Enter")
        tab.settle()
        assert tab.asked == asked + 1
        expect(tab.page.locator("[data-poll-timeup]")).to_be_hidden()
        expect(tab.page.locator("#email")).to_be_focused()
        tab.asks_after(3)
        tab.let_pass(20)
        tab.settle()
        expect(tab.page.get_by_role("alert")).to_be_visible()


def test_refresh_status_keeps_checking_too(tab: Tab) -> None:
    open_until_time_is_up(tab)
    tab.check_now()
    assert tab.asked == 4
    expect(tab.page.locator("[data-poll-timeup]")).to_be_hidden()
    tab.asks_after(3)


def test_a_minute_without_an_answer_ends_on_the_expired_page(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    server.first = fragment(in_flight=True)
    open_until_time_is_up(tab)
    length = tab.page.evaluate("history.length")
    tab.let_pass(59)
    assert len(server.pages) == 1
    with tab.page.expect_navigation(url=server.url + EXPIRED):
        tab.let_pass(1)
    assert tab.page.evaluate("history.length") == length
    assert dialogs == []


@pytest.mark.usefixtures("rough")
def test_a_page_that_cannot_reach_the_server_is_not_left_for_another(
    tab: Tab, server: StatusServer
) -> None:
    server.usual = refused(500)
    tab.open()
    tab.asks_after(3)
    tab.let_pass(70)
    tab.settle()
    assert len(server.pages) == 1
    expect(tab.page.get_by_role("alert")).to_be_visible()
    server.usual = unchanged()
    tab.let_pass(60)
    tab.settle()
    with tab.page.expect_navigation(url=server.url + EXPIRED):
        tab.let_pass(60)


def test_an_answer_under_way_when_time_is_up_does_not_start_polling_again(
    tab: Tab, server: StatusServer
) -> None:
    answer = threading.Event()
    server.attributes["data-poll-after"] = "9"
    server.will_answer(unchanged(until=answer))
    tab.open()
    tab.let_pass(10)
    answer.set()
    tab.settle()
    expect(tab.page.get_by_role("alert")).to_be_visible()
    tab.let_pass(50)
    assert tab.asked == 1


def test_coming_back_after_time_is_up_asks_once_and_no_more(tab: Tab) -> None:
    open_until_time_is_up(tab)
    tab.let_pass(5)
    tab.page.evaluate("window.dispatchEvent(new Event('focus'))")
    tab.settle()
    tab.let_pass(40)
    assert tab.asked == 4
    expect(tab.page.get_by_role("alert")).to_be_visible()
