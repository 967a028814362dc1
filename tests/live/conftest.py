"""The real site in a real browser, one of the buyer's pages at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.tab import Tab, stop_time
from tests.chromium import share
from tests.factories import Factories, fresh
from tests.fakes.serving import served
from tests.live.places import PLACES, Place
from tests.live.site_line import SiteLine
from webapp.models import PaymentLink


def pytest_configure(config: pytest.Config) -> None:
    """Share one browser with every other folder that asks for it."""
    share(config)


@dataclass(frozen=True)
class Scene:
    """A link, the page that shows it, and the line to the site."""

    name: str
    place: Place
    make: Factories
    link: PaymentLink
    line: SiteLine
    context: BrowserContext

    @property
    def pace_s(self) -> float:
        """How often the page asks, in seconds."""
        return self.place.pace_s

    def open(self, page: Page) -> Page:
        """Open the page in a tab."""
        page.goto(self.line.address(self.name))
        expect(page).to_have_url(self.line.address(self.name))
        return page

    def change(self) -> None:
        """Have something happen that belongs on this page."""
        self.make.change(self.link, version=fresh(self.link).version + 1)

    def end(self) -> None:
        """Have something happen after which the page must be left."""
        self.place.end(self.make, fresh(self.link))

    def leads_to_the_result(self, page: Page) -> None:
        """Wait until a tab shows what has become of it."""
        page.wait_for_url(self.line.address(self.place.result), timeout=15_000)


@contextmanager
def scene_of(name: str, app: Flask, make: Factories, context: BrowserContext) -> Iterator[Scene]:
    """Serve the page of this name while the block runs; no tab is open yet."""
    place = PLACES[name]
    link = place.make(make)
    line = SiteLine(app.wsgi_app, link.code)
    with served(line) as line.url:
        yield Scene(name, place, make, link, line, context)


# Here a buyer waits. The other five have the same script, and their turn in `make drill`.
_ALWAYS: Final = "processing"
_SCENES: Final = [
    pytest.param(name, marks=[] if name == _ALWAYS else [pytest.mark.drill]) for name in PLACES
]


@pytest.fixture(params=_SCENES)
def scene(
    request: pytest.FixtureRequest, rows: Flask, make: Factories, context: BrowserContext
) -> Iterator[Scene]:
    """Return one page after the other: the one where buyers wait, and in the drill all six."""
    with scene_of(request.param, rows, make, context) as scene:
        yield scene
        context.close()


@pytest.fixture
def tab(scene: Scene) -> Tab:
    """Return a tab that shows the page, and whose clock stands still."""
    stop_time(scene.context, scene.link.code)
    tab = Tab(scene.context.new_page(), scene.line)
    scene.open(tab.page)
    return tab
