"""Every page that a person can see, in the browser: what axe, the console and a phone say of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from dev.office import Office
from dev.walk import PAGES, Walk
from tests.accessible import COLOURS, faults
from tests.chromium import Console
from tests.e2e.conftest import Place

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("place")]

# Answers that say "no" on purpose; the browser writes a line about each.
REFUSALS = "Failed to load resource: the server responded with a status of 4"


@pytest.fixture(scope="module")
def walk(place: Place, office: Office) -> Walk:
    """The way through the demo's pages."""
    return Walk.through(place.stack, office)


@pytest.fixture
def look(browser: Browser) -> Iterator[tuple[Page, Console]]:
    """A phone as small as they come."""
    context = browser.new_context(viewport={"width": 320, "height": 640})
    console = Console()
    console.watch(context)
    yield context.new_page(), console
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_quiet_and_fits_a_small_phone(
    walk: Walk, look: tuple[Page, Console], name: str
) -> None:
    page, console = look
    PAGES[name](walk, page)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page, *COLOURS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    console.expect(REFUSALS)
    assert console.unexpected() == []


def test_the_pay_page_weighs_little_and_asks_nobody_else(
    walk: Walk, context: BrowserContext
) -> None:
    page = context.new_page()
    answers: list[Response] = []
    # The driver wants a function of its own, which a bound builtin is not.
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108
    PAGES["pay"](walk, page)
    page.wait_for_load_state("networkidle")
    assert {answer.url.split("/", 3)[2] for answer in answers} == {
        walk.stack.url.removeprefix("http://")
    }
    weights = {answer.url: _weight(answer) for answer in answers}
    assert sum(weights.values()) <= 60_000, weights


def _weight(answer: Response) -> int:
    sizes = answer.request.sizes()
    return sizes["responseHeadersSize"] + sizes["responseBodySize"]
