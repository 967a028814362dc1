"""What the fragment says while a link is open: a headline, and what comes next or can be done."""

from typing import Final

from webapp.core import session_words
from webapp.core.states import AttemptState, SessionState
from webapp.domain.payments import closing
from webapp.domain.payments.status import AttemptStatus, LinkStatus
from webapp.extensions import settings
from webapp.web import offers, pace
from webapp.web.pages import PageName

Words = tuple[str, tuple[str, ...]]

_SAFE: Final = "It is safe to leave this page: we will email you."


def of(status: LinkStatus, page: PageName) -> Words:
    """Return the words of an open link."""
    attempt = status.attempt
    if status.closing_for == closing.CANCEL:
        return "Canceling…", ("The shop is canceling this link. Please do not pay any more.",)
    if status.closing_for == closing.RETRY and attempt is not None:
        return _closing(status, attempt)
    if status.is_in_flight and attempt is not None:
        return _waiting(status, attempt)
    if status.left_s <= 0:
        return "This link has reached its end", ("It is being closed and cannot be paid any more.",)
    if page is PageName.EXPIRED:
        return "Nothing was paid so far", ("The link is still open.",)
    if attempt is not None and attempt.state is not AttemptState.SUCCEEDED:
        return _ended(attempt)
    return "Awaiting payment", ()


def _closing(status: LinkStatus, attempt: AttemptStatus) -> Words:
    first = "Checking your last payment first…"
    takes = "longer than usual" if offers.is_closing_long(status) else "a few seconds"
    soon = f"This takes {takes}. Please do not pay elsewhere."
    if attempt.session_state is SessionState.CANCELED:
        return _sentence(attempt), (first, soon)
    return first, (soon,)


def _waiting(status: LinkStatus, attempt: AttemptStatus) -> Words:
    if attempt.session_state is SessionState.CANCELED:
        return _sentence(attempt), (
            "We could not close it at the bank: please do not use its page any more.",
        )
    offered = offers.of(status, settings)
    is_interrupted = attempt.session_state is SessionState.INTERRUPTED
    if attempt.was_declined or (is_interrupted and attempt.interruption == "declined"):
        said = "Your bank declined this payment"
        if is_interrupted and offered:
            said = _interrupted(attempt, can_retry=offers.RETRY in offered)
        on = "You can try again at the bank with another card or account."
        return said, (on,) if attempt.has_url else ()
    if offers.is_stranded(status, settings) or (is_interrupted and not attempt.has_url):
        return _stranded(attempt, offered)
    if attempt.state is AttemptState.CREATED:
        return _processing(is_starting=True), ()
    phase = pace.phase(status)
    if attempt.has_url and not attempt.has_returned:
        on = "If you closed that page, you can go on where you started."
        return "Waiting for your payment", ("Finish it on the bank's page.", on)[
            : 2 if phase else 1
        ]
    said, at_once = _processing(is_starting=False), "This usually takes under 10 seconds."
    if not attempt.has_returned:
        # Without an address it was begun elsewhere: nobody comes back here from the bank.
        said, at_once = "Waiting for your payment", "If you have paid, this page will show it."
    line = {0: at_once, 1: "This takes longer than usual."}.get(
        phase, "We keep asking your bank, for hours if need be."
    )
    return said, (line, _SAFE)


def _stranded(attempt: AttemptStatus, offered: tuple[str, ...]) -> Words:
    """Say that nobody can be sent to the bank. Past the link's end nothing can be done about it."""
    lines = ["We keep checking with the bank."]
    if attempt.state is AttemptState.CREATED:
        lines.insert(0, "You have not been to the bank yet, so nothing was charged.")
    if offered:
        return _interrupted(attempt, can_retry=offers.RETRY in offered), tuple(lines)
    return "This link has reached its end", ("It cannot be paid any more.", *lines)


def _ended(attempt: AttemptStatus) -> Words:
    """Say what became of a payment that nobody can go on with."""
    uncharged = "You were not charged for it."
    if attempt.state is not AttemptState.FAILED:
        # It was closed, or let go where that cannot be done: all we know is what we have seen.
        uncharged = "No payment reached us. Please do not use its page at the bank any more."
    failed = "The last payment did not go through"
    if not attempt.is_session_over:
        if attempt.session_state in {SessionState.INTERRUPTED, SessionState.CANCELED}:
            return _sentence(attempt), (uncharged,)
        if attempt.session_state is SessionState.FAILED_MAX_RETRIES:
            # Every other browser may try: that this one may not, the page around says.
            return failed, (uncharged,)
    return failed, (f"{uncharged} You can try again.",)


def _interrupted(attempt: AttemptStatus, *, can_retry: bool) -> str:
    return _sentence(attempt, SessionState.INTERRUPTED, can_retry=can_retry)


def _sentence(
    attempt: AttemptStatus, state: SessionState | None = None, *, can_retry: bool | None = None
) -> str:
    """Return what its sitting says, or would say in another state."""
    return session_words.sentence(
        state or attempt.session_state,
        interruption=attempt.interruption,
        is_starting=False,
        count=attempt.number,
        most=settings.session_max_attempts,
        can_retry=can_retry,
    )


def _processing(*, is_starting: bool) -> str:
    return session_words.sentence(
        SessionState.PROCESSING, interruption=None, is_starting=is_starting, count=1, most=1
    )
