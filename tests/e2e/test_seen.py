"""How soon a page shows a payment, loosely; `make bench ONLY=status` says it exactly."""

import pytest
from playwright.sync_api import BrowserContext

from bench import seen
from tests.e2e.conftest import Town

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("town")]


@pytest.mark.parametrize(
    ("waited_s", "within_s"),
    [pytest.param(0, 5, id="soon"), pytest.param(40, 8, id="late", marks=pytest.mark.drill)],
)
def test_a_payment_shows_within_seconds_on_the_page_that_waits_for_it(
    town: Town, context: BrowserContext, waited_s: int, within_s: float
) -> None:
    with town.office.app.app_context(), town.office.books() as books:
        took = seen.seconds(town.stack, context, books, waited_s=waited_s, samples=6)
    assert max(took) < within_s
