"""What the page around the fragment says to one browser of its own sitting at the link."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from webapp.core import clock, session_words
from webapp.core.states import SessionState
from webapp.domain.payments import sessions, sittings
from webapp.domain.payments.sittings import Sitting
from webapp.domain.payments.status import LinkStatus
from webapp.extensions import settings
from webapp.web.pages import PageName


@dataclass(frozen=True)
class SittingPanel:
    """Everything the pages may use of a browser's sitting, and nothing else.

    `reference` is for support and opens nothing. `next_attempt` says the how many-th attempt would
    begin, where one went before it. `network` and `timeout` are what the script says when it does
    not hear of a press.
    """

    reference: str | None
    # The payment in flight was begun in this browser.
    is_paying: bool
    was_canceled: bool
    # Its last attempt was interrupted: it may be given up for good.
    can_cancel: bool
    next_attempt: str | None
    # All attempts are used; another can be begun then, in so many seconds.
    exhausted_until: datetime | None
    exhausted_for_s: int
    exhausted: str
    canceled: str
    processing: str
    network: str
    timeout: str

    @classmethod
    def of(cls, status: LinkStatus, page: PageName, token: str | None) -> Self:
        """Look up what the browser with this token has to do with the link."""
        sitting = sittings.of_browser(status.link_id, token)
        is_shown = token is not None and (page is PageName.PAY or sitting is not None)
        now = clock.now()
        if sitting is not None and sitting.expires_at <= now:
            sitting = None  # over: whatever it said is no longer so
        until = None
        if sitting is not None and sitting.state is SessionState.FAILED_MAX_RETRIES:
            until = sitting.expires_at
        most = settings.session_max_attempts
        count = _next(sitting)
        return cls(
            reference=sessions.reference_of(token) if is_shown and token else None,
            is_paying=sessions.is_paying(status.link_id, token),
            was_canceled=sitting is not None and sitting.state is SessionState.CANCELED,
            can_cancel=sitting is not None and sitting.state is SessionState.INTERRUPTED,
            next_attempt=f"attempt {count}/{most}" if 1 < count <= most else None,
            exhausted_until=until,
            exhausted_for_s=int((until - now).total_seconds()) + 1 if until else 0,
            exhausted=_say(SessionState.FAILED_MAX_RETRIES),
            canceled=_say(SessionState.CANCELED),
            processing=_say(SessionState.PROCESSING),
            network=_say(SessionState.INTERRUPTED, "network", count),
            timeout=_say(SessionState.INTERRUPTED, "timeout", count),
        )


def _next(sitting: Sitting | None) -> int:
    """Return the number of the attempt that "Pay" would begin."""
    is_open = sitting is not None and sitting.state in {
        SessionState.INITIATED,
        SessionState.PROCESSING,
        SessionState.INTERRUPTED,
    }
    return sitting.attempt_count + 1 if sitting is not None and is_open else 1


def _say(state: SessionState, interruption: str | None = None, count: int = 1) -> str:
    return session_words.sentence(
        state,
        interruption=interruption,
        is_starting=True,
        count=count,
        most=settings.session_max_attempts,
        can_retry=True,  # of an attempt that may not have begun
    )
