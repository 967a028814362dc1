"""What a fragment changes on the page around it: what is offered, and what happened so far."""

import pytest
from playwright.sync_api import expect

from tests.browser.status_server import CODE, StatusServer, fragment, moved, news, timeline
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


def offered(tab: Tab) -> list[str]:
    """Return the buttons that the page shows for what the fragment offers."""
    return tab.page.locator("[data-poll-when] button:visible").all_inner_texts()


def lines(tab: Tab) -> list[str]:
    """Return the lines of the page's one timeline."""
    assert tab.page.locator("ol").count() == 1
    return tab.page.locator("#payment-timeline li").all_inner_texts()


def test_what_the_fragment_offers_comes_and_goes_with_it(tab: Tab, server: StatusServer) -> None:
    server.will_answer(
        news(2, fragment("Payment timeout", in_flight=True, offers="retry cancel")),
        news(3, fragment("Payment declined", in_flight=True, offers="cancel")),
        news(4, fragment("Checking", in_flight=True)),
    )
    tab.open()
    seen = [offered(tab)]
    for _ in range(3):
        tab.asks_after(3)
        seen.append(offered(tab))
    assert seen == [[], ["Try again", "Cancel"], ["Cancel"], []]


def test_the_timeline_follows_and_the_live_region_does_not_speak_it(
    tab: Tab, server: StatusServer
) -> None:
    told = timeline("Link opened", "Payment started")
    server.will_answer(news(2, fragment("Waiting for your bank") + told))
    tab.open()
    assert lines(tab) == ["Link opened"]
    tab.asks_after(3)
    assert lines(tab) == ["Link opened", "Payment started"]
    assert tab.words() == "Waiting for your bank"


def test_the_timeline_tells_the_outcome_while_its_page_is_on_its_way(
    tab: Tab, server: StatusServer
) -> None:
    to = f"/pay/{CODE}/success"
    server.will_answer(moved(to, fragment("Paid", status="PAID") + timeline("Link opened", "Paid")))
    tab.open()
    tab.page.evaluate(
        """addEventListener("payment:status", ({target}) => console.log(target.textContent, "|",
             document.querySelector("#payment-timeline").textContent,
             document.querySelectorAll("ol").length))"""
    )
    with tab.page.expect_console_message() as message:
        tab.let_pass(3)
    assert message.value.text == "Paid | Link openedPaid 1"
    tab.page.wait_for_url(server.url + to)


def test_the_title_says_the_headline_of_the_newest_fragment(tab: Tab, server: StatusServer) -> None:
    server.attributes["data-title"] = 'Two tickets & a "programme"'
    server.will_answer(news(2, fragment("Checking <your> bank")), news(3, "<div data-status=''>"))
    tab.open()
    seen = [tab.page.title()]
    for _ in range(2):
        tab.asks_after(3)
        seen.append(tab.page.title())
    behind = ' \N{EN DASH} Two tickets & a "programme"'
    assert seen == [f"Waiting{behind}", *[f"Checking <your> bank{behind}"] * 2]


def test_the_title_tells_the_outcome_while_its_page_is_on_its_way(
    tab: Tab, server: StatusServer
) -> None:
    server.attributes["data-title"] = "Two tickets"
    server.will_answer(moved(f"/pay/{CODE}/success", fragment("Paid", status="PAID")))
    tab.open()
    tab.page.evaluate('addEventListener("payment:status", () => console.log(document.title))')
    with tab.page.expect_console_message() as message:
        tab.let_pass(3)
    assert message.value.text == "Paid \N{EN DASH} Two tickets"
    tab.page.wait_for_url(server.address("success"))


def test_a_page_that_says_nothing_of_it_keeps_its_title(tab: Tab, server: StatusServer) -> None:
    server.will_answer(news(2, fragment("Checking")))
    tab.open()
    tab.asks_after(3)
    assert tab.page.title() == "processing"


def test_leaving_by_what_is_offered_asks_nothing(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    server.first = fragment(in_flight=True, offers="retry cancel")
    tab.open()
    tab.page.locator("#email").click()
    with tab.page.expect_navigation():
        tab.page.get_by_role("button", name="Try again").click()
    assert dialogs == []
    expect(tab.page).to_have_url(f"{server.url}/pay/{CODE}/retry?")
