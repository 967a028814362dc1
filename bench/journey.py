"""From the bank's "paid" to our PAID: with the notice, and with nobody to tell us."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from bench import watched
from bench.results import Result, percentile, spread
from dev.buyer import Buyer
from dev.office import Office
from dev.stack import Stack

WARM_UPS: Final = 5
SAMPLES: Final = 45
# Buyers come at moments that have nothing to do with our sweeps.
_SPACING_S: Final = 1.3
_PATIENCE_S: Final = 60


def measure() -> Sequence[Result]:
    """Pay at a real stack with the settings of production, unattended at first, then watched."""
    with Stack(demo="plain") as stack:
        office = Office(stack)
        try:
            unattended = _seconds(stack, office, "lose", first=0)
            notified = _seconds(stack, office, "pay", first=1000)
            seen = watched.measure(stack, office)
        finally:
            office.close()
    print(f"unattended: {spread(unattended)}")
    print(f"notified:   {spread(notified)}")
    return [
        Result("journey.unattended_p95_s", percentile(unattended, 95), "s"),
        Result("journey.unattended_p50_s", percentile(unattended, 50), "s"),
        Result("journey.notified_p95_s", percentile(notified, 95), "s"),
        Result("journey.notified_p50_s", percentile(notified, 50), "s"),
        *seen,
    ]


def _seconds(stack: Stack, office: Office, button: str, *, first: int) -> list[float]:
    """Return the seconds of each payment after the warm-ups, from the bank's books to ours."""
    with ThreadPoolExecutor(8) as buyers:
        paid = []
        for number in range(first, first + WARM_UPS + SAMPLES):
            paid.append(buyers.submit(_pay, stack.url, office.link(number), button))
            time.sleep(_SPACING_S * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
        codes = [one.result() for one in paid]
    return _differences(office, codes)[WARM_UPS:]


def _pay(url: str, code: str, button: str) -> str:
    buyer = Buyer(url)
    page = buyer.start(code)
    if page is None:
        raise RuntimeError(f"{code} could not be paid")
    buyer.press(page, button)
    buyer.close()
    return code


def _differences(office: Office, codes: list[str]) -> list[float]:
    rows = office.rows_of(
        codes,
        """
        SELECT l.code, c.payment_reference, e.happened_at FROM payment_link l
        JOIN capture c ON c.link_id = l.id AND c.state = 'FULFILS'
        JOIN payment_event e ON e.link_id = l.id AND e.name = 'payment_confirmed'
        WHERE l.code = ANY(%s)
        """,
        within_s=_PATIENCE_S,
    )
    taken = {
        entry["payment_id"]: datetime.fromisoformat(entry["paid_at"]) for entry in office.ledger()
    }
    return [
        (rows[code]["happened_at"] - taken[rows[code]["payment_reference"]]).total_seconds()
        for code in codes
    ]
