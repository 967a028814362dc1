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

_AGED: Final = """
    UPDATE payment_attempt SET created_at = now() - interval '5 min',
                               returned_at = now() - interval '4 min' WHERE link_id = ANY(%s)
"""


def measure(stack: Stack, office: Office, books: Books) -> list[Result]:
    """Settle while pages wait: soon after the buyers' return, and when they wait for minutes."""
    with sync_playwright() as playwright, office.app.app_context():
        context = launch(playwright).new_context()
        soon = _seconds(stack, context, books, is_late=False)
        late = _seconds(stack, context, books, is_late=True)
        context.close()
    print(f"commit to page, soon: {spread(soon)}")
    print(f"commit to page, late: {spread(late)}")
    return [
        Result("status.commit_to_page_p50_s", percentile(soon, 50), "s"),
        Result("status.commit_to_page_p95_s", percentile(soon, 95), "s"),
        Result("status.commit_to_page_late_p95_s", percentile(late, 95), "s"),
    ]


def _seconds(
    stack: Stack, context: BrowserContext, books: Books, *, is_late: bool, samples: int = SAMPLES
) -> list[float]:
    found: list[float] = []
    while len(found) < samples:
        waiting = [pending.make(random.randrange(10**9)) for _ in range(_AT_ONCE)]  # noqa: S311
        for one in waiting:
            attempts.note_return(one.link_id)
        if is_late:
            books.execute(_AGED.encode(), [[one.link_id for one in waiting]])
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
