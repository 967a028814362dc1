"""How often a page asks: the server's pace, backoff, and no storm whatever the answer."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from playwright.sync_api import Page

from tests.browser.line import CUT
from tests.browser.status_server import CODE, StatusServer, refused, unchanged
from tests.browser.tab import Tab
from webapp.core import clock

pytestmark = pytest.mark.browser


def test_the_pace_is_the_servers_within_bounds_and_3_s_when_it_is_none(
    tab: Tab, server: StatusServer
) -> None:
    paces = {"7": 7, "0.1": 0.5, "600": 60, None: 3, "0": 3, "-5": 3, "soon": 3, "": 3}
    server.will_answer(*(unchanged(pace=pace) for pace in paces))
    server.attributes["data-poll-after"] = "1"
    tab.open()
    for seconds in (1, *paces.values()):
        tab.asks_after(seconds)
    del server.attributes["data-poll-after"]
    tab.open()
    tab.asks_after(3)


def test_a_missing_pace_makes_no_storm_in_real_time(page: Page, server: StatusServer) -> None:
    server.usual = unchanged(pace=None)
    server.attributes["data-poll-after"] = "0.5"
    page.goto(f"{server.url}/pay/{CODE}/processing")
    server.wait_for_polls(2)
    first, second = server.polls
    assert second.at - first.at > 2.9


def test_stop_stops(tab: Tab, server: StatusServer) -> None:
    server.attributes["data-deadline-s"] = "60"
    server.will_answer(unchanged(pace="stop"))
    tab.open()
    tab.asks_after(3)
    tab.let_pass(100)
    assert tab.asked == 1
    # Who does not poll cannot run out of polling time.
    assert tab.heard("timeouts") == 0
    server.attributes["data-poll-after"] = "stop"
    tab.open()
    tab.let_pass(100)
    assert tab.asked == 0


@pytest.mark.usefixtures("rough")
def test_errors_slow_the_page_down_with_jitter_and_one_success_brings_it_back(
    tab: Tab, server: StatusServer
) -> None:
    server.will_answer(refused(500), refused(502), CUT, refused(400), refused(504), unchanged())
    tab.open()
    tab.asks_after(3)
    gaps = [tab.asks_after(seconds, jitter=0.1) / seconds for seconds in (6, 12, 24, 30, 30)]
    tab.asks_after(3)
    assert len(set(gaps)) == 5


@pytest.mark.usefixtures("rough")
def test_retry_after_wins_when_it_is_longer_than_the_backoff(
    tab: Tab, server: StatusServer
) -> None:
    # The tab's clock stands in 1970: a date can only be compared with the server's own Date.
    until = clock.now() + timedelta(seconds=50)
    server.will_answer(
        refused(503, "45"),
        refused(429, "2"),
        refused(429, "soon"),
        refused(503, format_datetime(until, usegmt=True)),
        refused(503, "99999999"),
    )
    tab.open()
    tab.asks_after(3)
    tab.asks_after(45)
    tab.asks_after(12, jitter=0.1)
    tab.asks_after(24, jitter=0.1)
    tab.asks_after(50, jitter=0.1)
    tab.asks_after(900)  # A mistake must not silence the page for ever.
