"""Each of the buyer's pages for those whom a script or a picture does not help."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, expect

from tests.accessible import faults
from tests.chromium import Console
from tests.factories import Factories
from tests.live.conftest import Scene, scene_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("live")]

# What reloads by itself, and so often, in seconds.
RELOADS = ("processing", "success", "expired", "canceled", "review")
RELOADS_AFTER_S = 10


@pytest.fixture
def plain(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that runs no script."""
    context = browser.new_context(java_script_enabled=False)
    console = Console()
    console.watch(context)
    yield context
    context.close()
    assert console.unexpected() == []


def test_without_javascript_a_button_shows_the_result(scene: Scene, plain: BrowserContext) -> None:
    page = scene.open(plain.new_page())
    scene.end()
    page.locator("[data-poll-check] button").click()
    scene.leads_to_the_result(page)


def test_without_javascript_the_result_comes_within_10_seconds(
    rows: Flask, make: Factories, plain: BrowserContext
) -> None:
    with ExitStack() as open_scenes:
        scenes = [open_scenes.enter_context(scene_of(name, rows, make, plain)) for name in RELOADS]
        pages = [scene.open(plain.new_page()) for scene in scenes]
        for scene in scenes:
            scene.end()
        end = time.monotonic() + RELOADS_AFTER_S + 3
        for scene, page in zip(scenes, pages, strict=True):
            left_ms = max(end - time.monotonic(), 0.1) * 1000
            page.wait_for_url(scene.line.address(scene.place.result), timeout=left_ms)
        plain.close()


def test_axe_finds_nothing_in_all_that_a_page_can_show(scene: Scene) -> None:
    page = scene.open(scene.context.new_page())
    page.evaluate(
        "document.querySelectorAll('[data-poll-offline], [data-poll-timeup], [data-poll-when]')"
        ".forEach((notice) => { notice.hidden = false; })"
    )
    expect(page.get_by_text("We cannot reach the server")).to_be_visible()
    assert faults(page) == []


def test_nobody_else_is_asked_and_nothing_is_kept_in_the_browser(scene: Scene) -> None:
    asked: list[str] = []
    scene.context.on("request", lambda request: asked.append(request.url))
    page = scene.open(scene.context.new_page())
    scene.change()
    page.evaluate("dispatchEvent(new Event('online'))")
    scene.line.wait_for_polls(1)
    page.wait_for_load_state("networkidle")
    assert all(url.startswith((scene.line.url, "data:")) for url in asked)
    kept = page.evaluate(
        "[Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
    )
    assert kept == [[], [], ""]
