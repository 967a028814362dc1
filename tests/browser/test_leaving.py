"""How a page is left: for the result, for a link that is gone, and by the buyer."""

import pytest

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
SUCCESS = f"/pay/{CODE}/success"


def open_in_flight(tab: Tab, server: StatusServer) -> None:
    """Open a page with an attempt in flight and touch it: untouched pages never ask back."""
    server.first = fragment(in_flight=True)
    tab.open()
    tab.page.locator("#email").click()


def test_the_result_replaces_the_page_without_a_dialog(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    server.will_answer(moved(SUCCESS))
    open_in_flight(tab, server)
    length = tab.page.evaluate("history.length")
    tab.let_pass(3)
    tab.page.wait_for_url(server.url + SUCCESS)
    assert tab.page.evaluate("history.length") == length
    assert dialogs == []


def test_the_outcome_is_shown_and_told_while_its_page_is_on_its_way(
    tab: Tab, server: StatusServer
) -> None:
    server.will_answer(moved(SUCCESS, fragment("Paid", status="PAID")))
    tab.open()
    tab.page.evaluate(
        """addEventListener("payment:status", ({detail, target}) =>
             console.log(detail.status, location.pathname, target.textContent))"""
    )
    with tab.page.expect_console_message() as message:
        tab.let_pass(3)
    assert message.value.text == f"PAID /pay/{CODE}/processing Paid"
    tab.page.wait_for_url(server.url + SUCCESS)


def test_the_other_tabs_are_told_of_the_result(
    tab: Tab, other_tab: Tab, server: StatusServer
) -> None:
    server.attributes["data-poll-after"] = "60"
    server.usual = moved(SUCCESS)
    tab.open()
    other_tab.open("pay")
    tab.let_pass(2)
    tab.page.get_by_role("button", name="Refresh Status").click()
    for each in (tab, other_tab):
        each.page.wait_for_url(server.url + SUCCESS)


@pytest.mark.usefixtures("rough")
def test_a_redirect_elsewhere_or_to_the_same_page_is_not_followed(
    tab: Tab, server: StatusServer
) -> None:
    wrong = (
        "https://shop.invalid/pay",
        "//shop.invalid/",
        "/\\shop.invalid/",
        "javascript:alert(1)",
        f"/pay/{CODE}/processing?again=1",
    )
    server.will_answer(*(moved(to, fragment("Paid", status="PAID")) for to in wrong))
    tab.open()
    tab.asks_after(3)
    for seconds in (6, 12, 24, 30, 30):
        tab.asks_after(seconds, jitter=0.1)
    assert tab.words() == "Waiting"
    assert len(server.pages) == 1


def leave(tab: Tab, by: str) -> None:
    """Click this and wait for the page behind it."""
    with tab.page.expect_navigation():
        tab.page.locator(by).click()


def test_the_buyer_is_asked_back_only_while_a_payment_is_in_flight(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    server.will_answer(news(2, fragment("Declined")), news(3, fragment(in_flight=True)))
    open_in_flight(tab, server)
    tab.asks_after(3)
    leave(tab, "#away")
    assert dialogs == []
    tab.page.locator("#email").click()
    tab.asks_after(3)
    leave(tab, "#away")
    assert dialogs == ["beforeunload"]


def test_our_own_ways_on_are_never_questioned(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    open_in_flight(tab, server)
    for way in ("#ours button", "#bank"):
        leave(tab, way)
    assert dialogs == []


@pytest.mark.usefixtures("rough")
def test_a_link_that_is_gone_reloads_the_page_without_a_dialog(
    tab: Tab, server: StatusServer, dialogs: list[str]
) -> None:
    open_in_flight(tab, server)
    for status in (401, 403, 404, 410):
        server.will_answer(refused(status), unchanged())
        with tab.page.expect_event("load"):
            tab.let_pass(3)
        tab.asks_after(3)
    assert len(server.pages) == 5
    assert dialogs == []


@pytest.mark.usefixtures("rough")
def test_a_reload_that_does_not_help_is_not_repeated(tab: Tab, server: StatusServer) -> None:
    server.usual = refused(404)
    tab.open()
    with tab.page.expect_event("load"):
        tab.let_pass(3)
    tab.asks_after(3)
    for seconds in (6, 12, 24):
        tab.asks_after(seconds, jitter=0.1)
    assert len(server.pages) == 2
