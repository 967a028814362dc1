"""How each of the buyer's pages is left: for the result, from another tab, from behind, by hand."""

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.live.conftest import Scene

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("live")]


def test_the_result_replaces_the_page_without_a_dialog(
    scene: Scene, tab: Tab, dialogs: list[str]
) -> None:
    tab.page.locator("h1").first.click()  # pages that nobody has touched never ask back
    length = tab.page.evaluate("history.length")
    scene.end()
    tab.let_pass(scene.pace_s)
    scene.leads_to_the_result(tab.page)
    assert tab.page.evaluate("history.length") == length
    assert dialogs == []


def test_a_buyer_who_leaves_is_asked_back_only_while_a_payment_is_in_flight(
    scene: Scene, tab: Tab, dialogs: list[str]
) -> None:
    tab.page.locator("h1").first.click()
    tab.page.goto(f"{scene.line.url}/desk/sign-in")
    assert dialogs == (["beforeunload"] if scene.name == "processing" else [])


def test_other_tabs_follow(scene: Scene, tab: Tab) -> None:
    other = Tab(scene.context.new_page(), scene.line)
    scene.open(other.page)
    tab.let_pass(2)
    scene.change()
    tab.check_now()
    other.wait_for_ask(2)
    other.let_pass(2)
    scene.end()
    other.check_button.click()
    for page in (tab.page, other.page):
        scene.leads_to_the_result(page)


def test_back_to_a_stale_page_lands_on_the_result(scene: Scene) -> None:
    page = scene.open(scene.context.new_page())
    page.goto(f"{scene.line.url}/desk/sign-in")
    scene.end()
    page.go_back(wait_until="commit")
    scene.leads_to_the_result(page)
    expect(page.locator("#payment-status")).to_be_visible()


def test_a_poll_that_is_cut_off_says_nothing_in_the_console_and_is_asked_again(
    scene: Scene, tab: Tab
) -> None:
    tab.let_pass(2)
    scene.line.gate.clear()
    tab.check_button.click()
    expect(tab.check_button).to_have_text("Refreshing...")
    tab.page.evaluate("stop()")  # as a browser does with what is under way when it is left
    expect(tab.check_button).to_have_text("Refresh Status")
    scene.line.gate.set()
    tab.asks_after(6, jitter=0.1)


@pytest.mark.parametrize("scene", ["processing"], indirect=True)
def test_a_buyer_who_is_back_from_the_bank_is_asked_back_again(
    scene: Scene, tab: Tab, dialogs: list[str]
) -> None:
    tab.page.locator("h1").first.click()
    tab.page.evaluate("""() => {
      addEventListener("click", (event) => event.preventDefault());
      document.querySelector("[data-leave]").click();
      dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
    }""")
    tab.settle()
    tab.page.goto(f"{scene.line.url}/desk/sign-in")
    assert dialogs == ["beforeunload"]
