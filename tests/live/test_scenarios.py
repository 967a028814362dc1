"""The scenarios that were asked for by name, in real time."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.line import refused
from tests.conftest import Configure
from tests.live.conftest import Scene

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("live"),
    pytest.mark.parametrize("scene", ["processing"], indirect=True),
]


@pytest.fixture
def quick(configure: Configure) -> None:
    """Make the page ask twice a second."""
    configure(poll_interval_s=0.5)


@pytest.fixture
def page(scene: Scene) -> Page:
    return scene.open(scene.context.new_page())


@pytest.mark.usefixtures("quick")
def test_pending_refreshes(scene: Scene, page: Page) -> None:
    scene.line.wait_for_polls(1)
    scene.end()
    scene.leads_to_the_result(page)
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()


@pytest.mark.usefixtures("quick", "rough")
def test_api_error_recovers(scene: Scene, page: Page) -> None:
    scene.line.will_answer(refused(500))
    scene.end()
    scene.line.wait_for_polls(1)
    scene.leads_to_the_result(page)


@pytest.mark.usefixtures("quick")
def test_invalidation_on_update(scene: Scene, page: Page) -> None:
    scene.line.wait_for_polls(1)
    scene.change()
    for count in (2, 3):
        scene.line.wait_for_polls(count)
    first, _, third = (poll.headers["IF_NONE_MATCH"] for poll in scene.line.polls[:3])
    assert first != third
    assert scene.line.statuses.count(200) == 1


def test_manual_and_auto_refresh(scene: Scene, page: Page) -> None:
    button = page.locator("[data-poll-check] button")
    scene.line.wait_for_polls(1)
    page.wait_for_timeout(1100)  # a click sooner after an answer is the same wish
    scene.line.gate.clear()
    button.click()
    expect(button).to_have_text("Refreshing...")
    expect(button).to_be_disabled()
    scene.line.gate.set()
    expect(button).to_have_text("Refresh Status")
    expect(button).to_be_enabled()
    scene.end()
    scene.leads_to_the_result(page)


def test_loading_states(scene: Scene, page: Page) -> None:
    region, spinner = page.locator("#payment-status"), page.locator(".busy > .sign svg")
    scene.line.wait_for_polls(1)
    scene.line.gate.clear()
    before = region.inner_html()
    scene.line.wait_for_polls(2)  # it has been asked, and is not answered
    expect(spinner).to_be_visible()
    assert region.inner_html() == before, "who waits for an answer reads what is known"
    scene.line.gate.set()
    scene.line.wait_for_polls(3)
    assert region.inner_html() == before


def test_who_wants_no_motion_sees_none(page: Page) -> None:
    motion = "icon => getComputedStyle(icon).animationName"
    spinner = page.locator(".busy > .sign svg")
    assert spinner.evaluate(motion) == "turn"
    page.emulate_media(reduced_motion="reduce")
    assert spinner.evaluate(motion) == "none"
