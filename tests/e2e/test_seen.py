"""How soon a page shows a payment, loosely; `make bench ONLY=status` says it exactly."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from bench import seen
from dev.office import Office
from dev.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("seen")]


def test_a_payment_shows_within_seconds_on_the_page_that_waits_for_it(
    context: BrowserContext, tmp_path: Path
) -> None:
    with Stack(tmp_path, programs=("web",), demo="plain") as stack:
        office = Office(stack)
        try:
            with office.app.app_context(), office.books() as books:
                took = seen.seconds(stack, context, books, waited_s=0, samples=6)
        finally:
            office.close()
    assert max(took) < 5
