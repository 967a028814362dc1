"""From the click at the bank to the success page in a real browser, and to the email sent."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from bench.results import Result, percentile, spread
from dev.browser import launch
from dev.office import Office
from dev.stack import Stack
from webapp.core import clock

WARM_UPS: Final = 5
SAMPLES: Final = 42
_PATIENCE_S: Final = 60
_BUTTONS: Final = {"notice": "Pay", "silent": "Lose the notice"}


def measure(stack: Stack, office: Office) -> list[Result]:
    """Pay one link after the other and watch the page, with the notice and without it."""
    results = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, button in _BUTTONS.items():
            clicked: dict[str, datetime] = {}
            seconds = []
            for number in range(WARM_UPS + SAMPLES):
                code = office.link(2000 + number)
                began, waited = _pay(browser, stack.url, code, button)
                clicked[code] = began
                seconds.append(waited)
            print(f"{name}: {spread(seconds[WARM_UPS:])}")
            results += _figures(name, seconds[WARM_UPS:])
            if name == "notice":
                emails = _until_sent(office, clicked)[WARM_UPS:]
                print(f"email: {spread(emails)}")
                results += _figures("email", emails)
        browser.close()
    return results


def _figures(name: str, seconds: list[float]) -> list[Result]:
    return [
        Result(f"journey.{name}_p95_s", percentile(seconds, 95), "s"),
        Result(f"journey.{name}_p50_s", percentile(seconds, 50), "s"),
    ]


def _pay(browser: Browser, url: str, code: str, button: str) -> tuple[datetime, float]:
    """Return when the button at the bank was clicked, and the seconds until the success page."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/pay/{code}")
    page.get_by_role("button", name="Pay").click()
    at_bank = page.get_by_role("button", name=button, exact=True)
    at_bank.wait_for()
    began, started = clock.now(), time.monotonic()
    at_bank.click(no_wait_after=True)
    page.wait_for_url(f"{url}/pay/{code}/success", timeout=_PATIENCE_S * 1000)
    waited = time.monotonic() - started
    context.close()
    return began, waited


def _until_sent(office: Office, clicked: Mapping[str, datetime]) -> list[float]:
    """Return the seconds from each click until the mail server had the message."""
    rows = office.rows_of(
        list(clicked),
        """
        SELECT l.code, m.sent_at FROM payment_link l
        JOIN email_message m ON m.link_id = l.id AND m.state = 'SENT'
        WHERE l.code = ANY(%s)
        """,
        within_s=_PATIENCE_S,
    )
    return [(rows[code]["sent_at"] - at).total_seconds() for code, at in clicked.items()]
