"""How soon it is worth asking again about a link, whoever asks."""

from typing import Final

from webapp.config import Settings
from webapp.core.states import LinkState

# For so long after a buyer came back or pressed "Pay" the answer may come at any moment.
_SOON_S: Final = 180


def ask_again_after(
    state: LinkState,
    *,
    waiting_s: float | None,
    is_closing: bool,
    may_still_be_paid: bool,
    values: Settings,
) -> float | None:
    """Return the seconds after which something may have changed; None where nothing will.

    Args:
        state: the link's.
        waiting_s: since when a buyer waits for a payment that is in flight; None without one.
        is_closing: a worker is about to end what is in flight.
        may_still_be_paid: money may come late, and somebody watches for it.
        values: the settings, which hold the figures.
    """
    if waiting_s is not None:
        # Being closed, it is about to end, however long it took until then.
        is_soon = waiting_s < _SOON_S or is_closing
        return values.poll_interval_s if is_soon else values.poll_slow_s
    match state:
        case LinkState.OPEN if is_closing:
            return values.poll_interval_s
        case LinkState.OPEN | LinkState.DRAFT:
            return values.poll_idle_s
        case LinkState.REVIEW:
            return values.poll_review_s
        case LinkState.EXPIRED | LinkState.CANCELED | LinkState.REFUNDED if may_still_be_paid:
            return values.poll_idle_s
        case _:
            return None
