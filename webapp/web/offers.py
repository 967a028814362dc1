"""What a page offers besides waiting. The same for everyone who has the code."""

from typing import Final

from webapp.config import Settings
from webapp.core.states import LINK_ENDED, SESSION_OPEN, AttemptState, SessionState
from webapp.domain.payments.status import LinkStatus

PAY: Final = "pay"
RETRY: Final = "retry"
CANCEL: Final = "cancel"
# The payment under way can be finished, by whoever began it.
FINISH: Final = "finish"

# A worker reads and closes a checkout within seconds, where its provider answers.
_LONG_S: Final = 30


def of(status: LinkStatus, settings: Settings) -> tuple[str, ...]:
    """Return what can be pressed now: "Pay", or what ends a payment that gets nowhere.

    Such a payment is offered to be left once it was interrupted, or nothing came of it for
    `START_TIMEOUT_S`. The last attempt of a sitting can only be canceled.
    """
    if status.is_payable:
        return (PAY,)
    attempt = status.attempt
    if (
        attempt is None
        or not status.is_in_flight
        or status.closing_for is not None
        or status.left_s <= 0
        or not (is_interrupted(status) or is_slow(status, settings))
    ):
        return ()
    is_last = (
        attempt.session_state in SESSION_OPEN
        and not attempt.is_session_over
        and attempt.number >= settings.session_max_attempts
    )
    return (CANCEL,) if is_last else (RETRY, CANCEL)


def is_interrupted(status: LinkStatus) -> bool:
    """Whether something is known to have gone wrong with the current attempt."""
    attempt = status.attempt
    return attempt is not None and (
        attempt.was_declined or attempt.session_state is SessionState.INTERRUPTED
    )


def is_slow(status: LinkStatus, settings: Settings) -> bool:
    """Whether the buyer has waited so long that another way on is due."""
    return status.attempt is not None and status.attempt.waiting_s >= settings.start_timeout_s


def is_stranded(status: LinkStatus, settings: Settings) -> bool:
    """Whether the checkout did not come in time: nobody could be sent to the bank."""
    attempt = status.attempt
    return (
        attempt is not None and attempt.state is AttemptState.CREATED and is_slow(status, settings)
    )


def may_be_paid_late(status: LinkStatus) -> bool:
    """Whether money may still come for a link that has ended."""
    attempt = status.attempt
    return status.state in LINK_ENDED and attempt is not None and attempt.may_still_be_paid


def is_closing_long(status: LinkStatus) -> bool:
    """Whether ending the last payment takes longer than a buyer was told."""
    return status.closing_s >= _LONG_S


def tag(status: LinkStatus, settings: Settings) -> str:
    """Name everything that changes the words of a page and leaves no row in the trail."""
    attempt = status.attempt
    marks = "".join(name[0] for name in of(status, settings))
    if attempt is not None:
        marks += "R" if attempt.has_returned else ""
        marks += "U" if attempt.has_url else ""
        marks += "S" if is_stranded(status, settings) else ""
        marks += "O" if attempt.is_session_over else ""
        marks += "M" if may_be_paid_late(status) else ""
        marks += "L" if is_closing_long(status) else ""
    return marks
