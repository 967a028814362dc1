"""What a page sends and shows: news is swapped in, nothing else touches what the buyer sees."""

import threading

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.status_server import (
    CODE,
    Answer,
    StatusServer,
    fragment,
    news,
    refused,
    tag,
    unchanged,
)
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


def test_an_unchanged_status_leaves_the_page_untouched(tab: Tab) -> None:
    tab.open()
    tab.watch_changes()
    for _ in range(3):
        tab.asks_after(3)
    tab.let_pass(1)
    assert tab.asked == 3
    assert tab.changes() == []


def test_news_is_shown_and_told_once_for_each_status(tab: Tab, server: StatusServer) -> None:
    server.will_answer(
        news(2, fragment("Taking longer than usual")),
        news(3, fragment("Being checked", status="REVIEW")),
        unchanged(3),
    )
    tab.open()
    tab.asks_after(3)
    assert tab.words() == "Taking longer than usual"
    assert tab.heard("statuses") == []
    tab.asks_after(3)
    tab.asks_after(3)
    assert tab.words() == "Being checked"
    assert tab.heard("statuses") == ["REVIEW"]


def test_focus_and_typed_text_survive_news(tab: Tab, server: StatusServer) -> None:
    server.will_answer(news(2, fragment("Still waiting")))
    tab.open()
    tab.page.locator("#email").type("ada@exam")
    tab.asks_after(3)
    tab.page.keyboard.type("ple.org")
    assert tab.words() == "Still waiting"
    expect(tab.page.locator("#email")).to_be_focused()
    expect(tab.page.locator("#email")).to_have_value("ada@example.org")


def test_focus_in_the_fragment_survives_news_where_the_element_has_an_id(
    tab: Tab, server: StatusServer
) -> None:
    link = '<a id="on" href="bank" data-leave>On to the bank</a>'
    server.first = f'<div data-status="OPEN">{link}</div>'
    server.will_answer(news(2, f'<div data-status="OPEN"><p>Still waiting</p>{link}</div>'))
    tab.open()
    tab.page.locator("#on").focus()
    tab.asks_after(3)
    assert "Still waiting" in tab.words()
    expect(tab.page.locator("#on")).to_be_focused()


def test_a_poll_carries_the_latest_tag_and_nothing_personal(
    tab: Tab, server: StatusServer, context: BrowserContext
) -> None:
    server.will_answer(news(2, fragment()), unchanged(2), Answer(304))
    tab.open()
    for _ in range(4):
        tab.asks_after(3)
    sent = [poll.headers for poll in server.polls]
    assert [headers["If-None-Match"] for headers in sent] == [tag(1), tag(2), tag(2), tag(2)]
    assert {poll.target for poll in server.polls} == {f"/pay/{CODE}/status?on=processing"}
    assert all(headers["HX-Request"] == "true" for headers in sent)
    assert all("Cookie" not in headers for headers in sent)
    assert context.cookies() == []
    assert tab.page.evaluate("localStorage.length") == 0


@pytest.mark.usefixtures("rough")
def test_what_is_not_our_fragment_is_never_shown(tab: Tab, server: StatusServer) -> None:
    portal = "<h1>Free Wi-Fi</h1>"
    server.will_answer(
        Answer(200, {"X-Poll-After": "3"}, fragment("No tag")),
        Answer(200, {"ETag": '"portal"', "X-Poll-After": "3"}, portal),
        refused(500),
        Answer(204, {"ETag": tag(5)}),
    )
    tab.open()
    tab.asks_after(3)
    for seconds in (6, 12, 24, 30):
        tab.asks_after(seconds, jitter=0.1)
        assert tab.words() == "Waiting"
    assert server.polls[-1].headers["If-None-Match"] == tag(1)


@pytest.mark.usefixtures("rough")
def test_the_notice_comes_with_the_second_failure_and_goes_with_the_first_answer(
    tab: Tab, server: StatusServer
) -> None:
    server.will_answer(refused(500), refused(500), refused(429), refused(500), unchanged())
    tab.open()
    notice = tab.page.locator("[data-poll-offline]")
    seen = []
    for seconds in (3, 6, 12, 24, 30):
        tab.asks_after(seconds, jitter=0.1)
        seen.append(notice.is_visible())
    # Who is asked for patience has reached the server.
    assert seen == [False, True, False, True, False]


@pytest.mark.usefixtures("rough")
def test_an_answer_that_never_comes_is_a_failure(tab: Tab, server: StatusServer) -> None:
    never = threading.Event()
    server.timeout_ms = 200
    server.will_answer(unchanged(until=never), unchanged(until=never))
    tab.open()
    tab.asks_after(3)
    tab.asks_after(6, jitter=0.1)
    expect(tab.page.locator("[data-poll-offline]")).to_be_visible()
    never.set()


def test_the_page_works_under_the_strict_policy_and_calls_nobody_else(
    tab: Tab, server: StatusServer, context: BrowserContext
) -> None:
    called: list[str] = []
    context.on("request", lambda request: called.append(request.url))
    server.will_answer(news(2, fragment("<b>News</b>")))
    tab.open()
    tab.asks_after(3)
    tab.asks_after(3)
    assert len(called) == 5
    assert all(url.startswith(server.url) for url in called)
