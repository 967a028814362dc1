"""From the commit of a settlement to the success page in a real browser."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import BrowserContext, Page, sync_playwright
from sqlalchemy import event

from bench import pending
from bench.pending import Pending
from bench.results import Result, percentile, spread
from bench.rows import Books
from dev.browser import launch
from dev.office import Office
from dev.stack import Stack
from webapp.domain.payments import attempts, settlement
from webapp.extensions import db

SAMPLES: Final = 48
_AT_ONCE: Final = 6
_PATIENCE_MS: Final = 30_000

# The moment at which the page stood, by the clock that this machine's programs share.
_STOOD: Final = "performance.timeOrigin + performance.timing.domContentLoadedEventEnd - "
_BEGAN: Final = "performance.timing.navigationStart"

# How long the buyers have been back, in seconds: a page asks every second for the first 15, every
# 3 s for three minutes, and every 5 s from then on.
_SOON: Final = 0
_LATE: Final = 40
_SLOW: Final = 240

_AGED: Final = """
    UPDATE payment_attempt SET created_at = created_at - %s * interval '1 s',
                               returned_at = returned_at - %s * interval '1 s'
    WHERE link_id = ANY(%s)
"""


def measure(stack: Stack, office: Office, books: Books) -> list[Result]:
    """Settle while pages wait: soon after the buyers' return, later, and after minutes."""
    with sync_playwright() as playwright, office.app.app_context():
        context = launch(playwright).new_context()
        soon = seconds(stack, context, books, waited_s=_SOON)
        late = seconds(stack, context, books, waited_s=_LATE)
        slow = seconds(stack, context, books, waited_s=_SLOW)
        context.close()
    for name, found in (("soon", soon), ("late", late), ("slow", slow)):
        print(f"commit to page, {name}: {spread(found)}")
    return [
        Result("status.commit_to_page_p50_s", percentile(soon, 50), "s"),
        Result("status.commit_to_page_p95_s", percentile(soon, 95), "s"),
        Result("status.commit_to_page_late_p95_s", percentile(late, 95), "s"),
        Result("status.commit_to_page_slow_p95_s", percentile(slow, 95), "s"),
    ]


def seconds(
    stack: Stack, context: BrowserContext, books: Books, *, waited_s: int, samples: int = SAMPLES
) -> list[float]:
    """Return how long each page took, in seconds.

    Args:
        stack: the application.
        context: the browser.
        books: its database.
        waited_s: for how long the buyers have been back when their pages are opened.
        samples: how many at least.
    """
    found: list[float] = []
    while len(found) < samples:
        waiting = [pending.make(random.randrange(10**9)) for _ in range(_AT_ONCE)]  # noqa: S311
        for one in waiting:
            attempts.note_return(one.link_id)
        books.execute(_AGED.encode(), [waited_s, waited_s, [one.link_id for one in waiting]])
        pages = [context.new_page() for _ in waiting]
        for page, one in zip(pages, waiting, strict=True):
            page.goto(f"{stack.url}/pay/{one.code}/processing")
        found += _settled(stack.url, list(zip(pages, waiting, strict=True)))
        for page in pages:
            page.close()
    return found


def _settled(url: str, pairs: list[tuple[Page, Pending]]) -> list[float]:
    """Settle one after the other, at moments that have nothing to do with the pages' clocks."""
    committed: dict[str, float] = {}
    for page, one in pairs:
        page.wait_for_timeout(random.uniform(200, 1800))  # noqa: S311  # no secret
        with _commits() as moments:
            settlement.apply(one.observation.reference, one.observation, actor="bench")
        committed[one.code] = moments[0]
    found = []
    for page, one in pairs:
        page.wait_for_url(f"{url}/pay/{one.code}/success", timeout=_PATIENCE_MS)
        stood_ms: float = page.evaluate(f"{_STOOD}{_BEGAN}")
        found.append(stood_ms / 1000 - committed[one.code])
    return found


@contextmanager
def _commits() -> Iterator[list[float]]:
    """Note the moments at which transactions of this process are committed."""
    moments: list[float] = []

    def note(_session: object) -> None:
        moments.append(time.time())

    event.listen(db.session, "after_commit", note)
    try:
        yield moments
    finally:
        event.remove(db.session, "after_commit", note)
