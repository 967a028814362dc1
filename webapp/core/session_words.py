"""What the buyer reads of a sitting: the only place of these sentences."""

from typing import Final, Literal

from webapp.core.states import SessionState

Interruption = Literal["timeout", "network", "refused", "declined"]

# What happened, and what may be done about it; of the last attempt there is no other to follow.
_INTERRUPTED: Final = {
    "timeout": ("Payment timeout", "You can retry or cancel."),
    "network": ("Network error detected", "Would you like to retry?"),
    "refused": ("Payment not started", "Would you like to retry?"),
    "declined": ("Payment declined", "Would you like to retry?"),
}
_LAST: Final = "You can cancel."

_STARTING: Final = "Processing payment..."
_WAITING: Final = "Payment request submitted! Waiting for verification..."

_PLAIN: Final = {
    SessionState.INITIATED: "Ready to pay",
    SessionState.COMPLETED: "Paid",
    SessionState.CANCELED: "Payment cancelled",
    SessionState.EXPIRED: "Session not found",
    SessionState.FAILED_MAX_RETRIES: "Maximum retry attempts exceeded.",
}


def sentence(
    state: SessionState,
    *,
    interruption: str | None,
    is_starting: bool,
    count: int,
    most: int,
    can_retry: bool | None = None,
) -> str:
    """Return what a sitting says.

    Args:
        state: the sitting's.
        interruption: why it was interrupted; where nobody noted it, that counts as a time-out.
        is_starting: nobody knows yet where the checkout is.
        count: how many attempts were begun.
        most: how many there may be.
        can_retry: whether another one may follow; as the numbers say, unless it is known better.
    """
    match state:
        case SessionState.PROCESSING:
            return _STARTING if is_starting else _WAITING
        case SessionState.INTERRUPTED:
            is_last = count >= most if can_retry is None else not can_retry
            happened, advice = _INTERRUPTED[interruption or "timeout"]
            return f"{happened} (attempt {count}/{most}). {_LAST if is_last else advice}"
        case _:
            return _PLAIN[state]
