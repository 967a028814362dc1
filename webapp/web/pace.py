"""How often a page asks: often while something is about to happen, then less, then never."""

import math

from webapp.config import Settings
from webapp.core.states import LinkState
from webapp.domain.payments import pace
from webapp.domain.payments.status import Deliveries, LinkStatus

# The buyer has just come back, and the answer is a breath away.
_JUST_RETURNED_S = 15
# The provider's notice is usually as quick as the buyer: the first question comes at double pace.
_FIRST_WITHIN_S = 0.4
# Tickets that were not made and sent within this time are somebody else's business by then.
_PROMISES_WATCHED_S = 300

# What `phase` in the ETag counts: the page's words change with the waiting, though no row does.
_PHASES_S = (30, 120)


def phase(status: LinkStatus) -> int:
    """Return how long the buyer has been waiting, in steps: 0 under 30 s, 1 under 2 min, 2.

    A link that nobody is paying is in step 0 before its end and in step 3 after it.
    """
    if status.is_in_flight and status.attempt is not None:
        return sum(status.attempt.waiting_s >= limit for limit in _PHASES_S)
    return 3 if status.state is LinkState.OPEN and status.left_s <= 0 else 0


def poll_after(
    status: LinkStatus, deliveries: Deliveries | None, settings: Settings
) -> float | None:
    """Return the seconds until the page should ask again; None when it need not."""
    attempt, waited = status.attempt, None
    if status.is_in_flight and attempt is not None:
        waited = attempt.waiting_s
        if attempt.has_returned and waited < _JUST_RETURNED_S:
            is_first = waited < _FIRST_WITHIN_S
            return settings.poll_returned_s / (2 if is_first else 1)
    if status.state is LinkState.PAID and deliveries is not None and not deliveries.is_settled:
        is_watched = deliveries.waiting_s < _PROMISES_WATCHED_S
        return settings.poll_interval_s if is_watched else None
    return pace.ask_again_after(
        status.state,
        waiting_s=waited,
        is_closing=status.closing_for is not None,
        may_still_be_paid=attempt is not None and attempt.may_still_be_paid,
        values=settings,
    )


def waited_s(status: LinkStatus) -> float:
    """Return for how many seconds what is due by now has been waited for; it never stands still.

    While money is looked at, that is since its buyer came back: no row that a page reads says more.
    """
    if status.state not in {LinkState.OPEN, LinkState.REVIEW}:
        return status.ended_s
    waits = [-status.left_s] if status.state is LinkState.OPEN and status.left_s <= 0 else []
    if status.closing_for is not None:
        waits.append(status.closing_s)
    if status.attempt is not None:
        waits.append(status.attempt.waiting_s)
    return min(waits, default=math.inf)


def deadline_s(status: LinkStatus, settings: Settings) -> float:
    """Return how long the page may go on asking before it asks the buyer.

    Until the link's end, if that is sooner; what is still under way after it has no such end.
    """
    if status.state is not LinkState.OPEN or status.left_s <= 0:
        return settings.poll_limit_s
    return max(min(settings.poll_limit_s, status.left_s), 1)
