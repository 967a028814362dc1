"""The end of the polling time on each of the buyer's pages."""

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.conftest import Configure
from tests.live.conftest import Scene

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("live")]

LIMIT_S = 40


@pytest.fixture(autouse=True)
def limit(rows: Flask, configure: Configure) -> None:
    configure(poll_limit_s=LIMIT_S)


def test_when_time_is_up_polling_stops_and_the_button_has_the_focus(scene: Scene, tab: Tab) -> None:
    for _ in range(int(LIMIT_S // scene.pace_s)):
        tab.asks_after(scene.pace_s)
    expect(tab.page.locator("[data-poll-timeup]")).to_be_hidden()
    tab.let_pass(LIMIT_S % scene.pace_s)
    expect(tab.page.get_by_role("alert")).to_contain_text("We have stopped checking")
    expect(tab.page.get_by_role("button", name="Keep checking")).to_be_focused()
    asked = tab.asked
    tab.let_pass(50)
    assert tab.asked == asked
    tab.page.keyboard.press("Enter")
    tab.settle()
    assert tab.asked == asked + 1
    expect(tab.page.locator("[data-poll-timeup]")).to_be_hidden()
    tab.asks_after(scene.pace_s)


def test_a_minute_without_an_answer_ends_on_the_page_that_reads_the_truth(
    scene: Scene, tab: Tab, dialogs: list[str]
) -> None:
    for _ in range(int(LIMIT_S // scene.pace_s)):
        tab.asks_after(scene.pace_s)
    scene.end()
    tab.let_pass(LIMIT_S % scene.pace_s + 60)
    scene.leads_to_the_result(tab.page)
    assert dialogs == []
