"""What makes a page ask before its time: the buyer, other tabs, the network, coming back."""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.status_server import (
    CODE,
    StatusServer,
    fragment,
    moved,
    news,
    refused,
    unchanged,
)
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


@pytest.fixture
def slow(server: StatusServer) -> None:
    """Make every pace a minute, so that whatever is asked earlier was asked for a reason."""
    server.attributes["data-poll-after"] = "60"
    server.usual = unchanged(pace="60")


def on_the_spot(page: Page, name: str) -> Callable[[], None]:
    """Return a click where this button is now, whether it can be pressed or not."""
    box = page.get_by_role("button", name=name).bounding_box()
    assert box is not None
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return lambda: page.mouse.click(*at)


@pytest.mark.usefixtures("slow")
def test_eight_clicks_on_refresh_status_ask_once(tab: Tab, server: StatusServer) -> None:
    answer = threading.Event()
    server.will_answer(unchanged(until=answer))
    tab.open()
    tab.let_pass(2)
    click = on_the_spot(tab.page, "Refresh Status")
    for _ in range(4):
        click()
    server.wait_for_polls(1)
    tab.let_pass(2)
    click()
    tab.let_pass(0.5)
    answer.set()
    tab.settle()
    for _ in range(3):
        click()
    assert tab.asked == 1
    tab.let_pass(1)
    tab.check_now()
    assert tab.asked == 2
    assert len(server.pages) == 1


@pytest.mark.usefixtures("slow")
def test_refresh_status_says_that_it_is_at_it_and_keeps_the_focus(
    tab: Tab, server: StatusServer
) -> None:
    answer = threading.Event()
    server.will_answer(unchanged(until=answer))
    tab.open()
    tab.let_pass(2)
    tab.page.get_by_role("button", name="Refresh Status").press("Enter")
    busy = tab.page.get_by_role("button", name="Refreshing...")
    expect(busy).to_be_disabled()
    server.wait_for_polls(1)
    answer.set()
    tab.settle()
    expect(tab.page.get_by_role("button", name="Refresh Status")).to_be_enabled()
    expect(tab.page.get_by_role("button", name="Refresh Status")).to_be_focused()
    # What the page asks by itself says nothing of it.
    tab.let_pass(60)
    expect(tab.page.get_by_role("button", name="Refresh Status")).to_be_enabled()


@pytest.mark.usefixtures("slow", "rough")
def test_refresh_status_can_be_pressed_again_after_a_failure(
    tab: Tab, server: StatusServer
) -> None:
    server.will_answer(refused(500))
    tab.open()
    tab.let_pass(2)
    tab.check_now()
    expect(tab.page.get_by_role("button", name="Refresh Status")).to_be_enabled()


@pytest.mark.usefixtures("slow")
def test_a_press_that_was_not_heard_of_is_asked_about_at_once(tab: Tab) -> None:
    tab.open()
    tab.let_pass(2)
    tab.page.evaluate("document.dispatchEvent(new Event('payment:check'))")
    tab.wait_for_ask(1)


def test_refresh_status_reloads_the_page_where_there_is_no_script(
    browser: Browser, server: StatusServer
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/pay/{CODE}/processing?checkout_id=7")
    page.get_by_role("button", name="Refresh Status").click()
    page.wait_for_url(f"{server.url}/pay/{CODE}/processing?")
    context.close()
    assert len(server.pages) == 2


@pytest.mark.usefixtures("slow")
def test_a_second_tab_follows_at_once_and_does_not_echo(
    tab: Tab, other_tab: Tab, server: StatusServer
) -> None:
    server.will_answer(news(2, fragment("One"), pace="60"), news(2, fragment("Two"), pace="60"))
    tab.open()
    other_tab.open("pay")
    tab.let_pass(2)
    tab.check_now()
    other_tab.wait_for_ask(2)
    assert (tab.words(), other_tab.words()) == ("One", "Two")
    other_tab.page.evaluate(f"new BroadcastChannel('pay:{CODE}').postMessage('end')")
    tab.wait_for_news("end")
    # The first word was its own: a tab that was told does not tell.
    assert tab.heard("news") == ["news", "end"]


@pytest.mark.usefixtures("slow")
def test_news_is_not_lost_on_a_tab_that_asked_less_than_a_second_ago(
    tab: Tab, other_tab: Tab, server: StatusServer
) -> None:
    server.will_answer(unchanged(pace="60"), news(2, fragment(), pace="60"))
    tab.open()
    other_tab.open("pay")
    tab.let_pass(2)
    other_tab.check_now()
    tab.check_now()
    other_tab.wait_for_news()
    other_tab.let_pass(0.9)
    assert other_tab.asked == 1
    other_tab.let_pass(0.2)
    assert other_tab.asked == 2


@pytest.mark.usefixtures("slow")
def test_news_is_not_lost_on_a_tab_whose_question_is_under_way(
    tab: Tab, other_tab: Tab, server: StatusServer
) -> None:
    answer = threading.Event()
    server.will_answer(unchanged(pace="60", until=answer), news(2, fragment(), pace="60"))
    tab.open()
    other_tab.open("pay")
    tab.let_pass(2)
    other_tab.page.get_by_role("button", name="Refresh Status").click()
    server.wait_for_polls(1)
    tab.check_now()
    other_tab.wait_for_news()
    answer.set()
    other_tab.settle()
    other_tab.asks_after(1)


@pytest.mark.usefixtures("slow", "rough")
def test_the_network_coming_back_asks_at_once_and_forgets_the_failures(
    tab: Tab, server: StatusServer, context: BrowserContext
) -> None:
    tab.open()
    context.set_offline(True)
    tab.asks_after(60)
    tab.asks_after(6, jitter=0.1)
    assert server.polls == []
    tab.let_pass(2)
    server.will_answer(refused(500))
    context.set_offline(False)
    tab.wait_for_ask(1)
    tab.asks_after(6, jitter=0.1)


@pytest.mark.usefixtures("slow")
def test_a_window_that_gets_the_focus_asks(tab: Tab, context: BrowserContext) -> None:
    tab.open()
    tab.let_pass(2)
    # Playwright pretends that every page has the focus, until it is told not to.
    context.new_cdp_session(tab.page).send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    context.new_page().bring_to_front()
    tab.let_pass(2)
    assert tab.asked == 0
    tab.page.bring_to_front()
    tab.wait_for_ask(1)


def hide(page: Page, *, is_hidden: bool) -> None:
    """Pretend that the tab is hidden or visible: a browser without windows never hides one."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_a_hidden_tab_asks_four_times_slower_and_at_once_when_it_is_seen(tab: Tab) -> None:
    tab.open()
    hide(tab.page, is_hidden=True)
    tab.asks_after(3)
    tab.asks_after(12)
    tab.let_pass(2)
    hide(tab.page, is_hidden=False)
    tab.settle()
    assert tab.asked == 3
    tab.asks_after(3)


@pytest.mark.usefixtures("rough")
def test_no_wakeup_cuts_retry_after_short_but_the_buyers_click_does(
    tab: Tab, server: StatusServer
) -> None:
    server.will_answer(refused(503, "45"), refused(503, "45"), unchanged())
    tab.open()
    tab.asks_after(3)
    tab.let_pass(5)
    tab.page.evaluate("window.dispatchEvent(new Event('focus'))")
    tab.asks_after(40)
    tab.let_pass(5)
    tab.check_now()
    assert tab.asked == 3


@pytest.mark.usefixtures("slow")
def test_back_to_a_stale_page_lands_on_the_result(page: Page, server: StatusServer) -> None:
    page.goto(f"{server.url}/pay/{CODE}/processing")
    page.goto(f"{server.url}/about")
    # A channel left open would now throw the page out of the back/forward cache.
    page.evaluate(f"new BroadcastChannel('pay:{CODE}').postMessage('news')")
    server.will_answer(moved(f"/pay/{CODE}/success"))
    page.go_back(wait_until="commit")
    page.wait_for_url(f"{server.url}/pay/{CODE}/success")
    assert [poll.target for poll in server.polls] == [f"/pay/{CODE}/status?on=processing"]
    # The server was not asked for the page again: it came out of the cache.
    assert server.pages == [f"/pay/{CODE}/processing", f"/pay/{CODE}/success"]


@pytest.mark.usefixtures("rough")
def test_a_page_left_while_it_asked_goes_on_when_the_buyer_comes_back(
    page: Page, server: StatusServer
) -> None:
    answer = threading.Event()
    server.attributes["data-poll-after"] = "0.5"
    server.will_answer(unchanged(pace="0.5", until=answer))
    page.goto(f"{server.url}/pay/{CODE}/processing")
    server.wait_for_polls(1)
    server.attributes["data-poll-after"] = "60"
    page.goto(f"{server.url}/pay/{CODE}/elsewhere")
    answer.set()
    page.go_back(wait_until="commit")
    server.wait_for_polls(2)
    assert server.polls[1].target.endswith("?on=processing")
