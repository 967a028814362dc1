"""What each of the buyer's pages does while it waits: at its pace, without disturbing anybody."""

import pytest
from playwright.sync_api import expect

from tests.browser.line import CUT, Answer, refused
from tests.browser.tab import Tab
from tests.live.conftest import Scene

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("live")]

_PORTAL = "<!doctype html><title>Wi-Fi</title><h1>Please accept our terms</h1>"


def test_an_unchanged_status_leaves_the_page_untouched(scene: Scene, tab: Tab) -> None:
    tab.watch_changes()
    for _ in range(2):
        tab.asks_after(scene.pace_s)
    assert scene.line.statuses == [304, 304]
    assert tab.changes() == []


def test_focus_and_typed_text_survive_news(scene: Scene, tab: Tab) -> None:
    button, email = tab.check_button, tab.page.get_by_label("Your email address")
    if scene.name == "pay":
        email.type("ada@exam")
    else:
        button.focus()
    tab.watch_changes()
    scene.change()
    tab.asks_after(scene.pace_s)
    assert scene.line.statuses == [200]
    assert tab.changes(), "the fragment was put in"
    if scene.name == "pay":
        tab.page.keyboard.type("ple.org")
        expect(email).to_have_value("ada@example.org")
        expect(email).to_be_focused()
    else:
        expect(button).to_be_focused()
    tab.asks_after(scene.pace_s)
    assert scene.line.statuses == [200, 304], "with the tag of what it shows"


@pytest.mark.usefixtures("rough")
def test_a_line_that_is_broken_slows_the_page_down_and_changes_no_word(
    scene: Scene, tab: Tab
) -> None:
    scene.line.will_answer(
        refused(500),
        CUT,
        Answer(200, {"X-Poll-After": "3"}, _PORTAL),
        Answer(200, {"ETag": '"portal"'}, _PORTAL),
        Answer(200, {"ETag": '"9"', "Content-Length": "5000"}, '<div data-status="PAID">Paid'),
    )
    words, notice = tab.words(), tab.page.locator("[data-poll-offline]")
    tab.asks_after(scene.pace_s)
    expect(notice).to_be_hidden()
    for seconds in (6, 12, 24, 30):
        tab.asks_after(seconds, jitter=0.1)
        expect(notice).to_be_visible()
        assert tab.words() == words
    tab.asks_after(30, jitter=0.1)
    assert scene.line.statuses == [304]
    expect(notice).to_be_hidden()
    tab.asks_after(scene.pace_s)


@pytest.mark.usefixtures("rough")
def test_the_server_may_ask_for_patience_and_forget_to_say_the_pace(scene: Scene, tab: Tab) -> None:
    scene.line.will_answer(refused(503, "45"), refused(429, "2"), Answer(304), Answer(304))
    tab.asks_after(scene.pace_s)
    tab.asks_after(45)
    tab.asks_after(12, jitter=0.1)
    tab.asks_after(3)
    tab.asks_after(3)


@pytest.mark.usefixtures("rough")
def test_the_network_that_comes_back_is_used_at_once(scene: Scene, tab: Tab) -> None:
    scene.context.set_offline(True)
    tab.asks_after(scene.pace_s)
    tab.asks_after(6, jitter=0.1)
    assert scene.line.polls == []
    expect(tab.page.locator("[data-poll-offline]")).to_be_visible()
    scene.change()
    tab.let_pass(2)
    scene.context.set_offline(False)
    tab.wait_for_ask(1)
    assert scene.line.statuses == [200]
    expect(tab.page.locator("[data-poll-offline]")).to_be_hidden()
    tab.asks_after(scene.pace_s)


def test_eight_clicks_make_one_request_however_long_it_takes(scene: Scene, tab: Tab) -> None:
    tab.let_pass(2)
    scene.line.gate.clear()
    for _ in range(8):
        tab.check_button.dispatch_event("click")
    scene.line.wait_for_polls(1)
    tab.check_button.dispatch_event("click")
    scene.line.gate.set()
    tab.settle()
    assert tab.asked == 1
    assert len(scene.line.polls) == 1
    expect(tab.check_button).to_have_text("Refresh Status")
    expect(tab.check_button).to_be_enabled()
