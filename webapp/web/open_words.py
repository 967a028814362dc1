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

_SAFE: Final = "It is safe to leave this page: we send the tickets by email."


def of(status: LinkStatus, page: PageName) -> Words:
    """Return the words of an open link."""
    attempt = status.attempt
    if status.closing_for == closing.CANCEL:
        return "Canceling…", ("The shop is canceling this link. Please do not pay any more.",)
    if status.closing_for == closing.RETRY and attempt is not None:
        return _closing(attempt)
    if status.is_in_flight and attempt is not None:
        return _waiting(status, attempt)
    if status.left_s <= 0:
        return "This link has reached its end", ("It is being closed and cannot be paid any more.",)
    if page is PageName.EXPIRED:
        return "We stopped checking", ("Nothing was paid so far. The link is still open.",)
    if attempt is not None and attempt.state is not AttemptState.SUCCEEDED:
        return _ended(attempt)
    return "Awaiting payment", ()


def _closing(attempt: AttemptStatus) -> Words:
    first = "Checking your last payment first…"
    soon = "This takes a few seconds. Please do not pay elsewhere."
    if attempt.session_state is SessionState.CANCELED:
        return _sentence(attempt), (first, soon)
    return first, (soon,)


def _waiting(status: LinkStatus, attempt: AttemptStatus) -> Words:
    is_interrupted = attempt.session_state is SessionState.INTERRUPTED
    if attempt.was_declined or (is_interrupted and attempt.interruption == "declined"):
        said = _sentence(attempt) if is_interrupted else "Your bank declined this payment"
        return said, ("You can try again at the bank with another card or account.",)
    if offers.is_stranded(status, settings) or (is_interrupted and not attempt.has_url):
        return _interrupted(attempt, attempt.interruption or "timeout"), (
            "You have not been to the bank yet, so nothing was charged.",
            "We keep checking with the bank.",
        )
    if not attempt.has_url:
        return _processing(is_starting=True), ()
    phase = pace.phase(status)
    if not attempt.has_returned:
        on = "If you closed that page, you can go on from here."
        return "Waiting for your payment", ("Finish it on the bank's page.", on)[
            : 2 if phase else 1
        ]
    line = {
        0: "This usually takes under 10 seconds.",
        1: "This takes longer than usual.",
    }.get(phase, "We keep asking your bank, for hours if need be.")
    return _processing(is_starting=False), (line, _SAFE)


def _ended(attempt: AttemptStatus) -> Words:
    """Say what became of a payment that nobody can go on with."""
    uncharged = "You were not charged for it."
    if attempt.state is not AttemptState.FAILED:
        # It was closed, or let go where that cannot be done: all we know is what we have seen.
        uncharged = "No payment reached us. Please do not use its page at the bank any more."
    if not attempt.is_session_over and attempt.session_state in {
        SessionState.INTERRUPTED,
        SessionState.CANCELED,
        SessionState.FAILED_MAX_RETRIES,
    }:
        return _sentence(attempt), (uncharged,)
    return "The last payment did not go through", (f"{uncharged} You can try again.",)


def _sentence(attempt: AttemptStatus) -> str:
    return session_words.sentence(
        attempt.session_state,
        interruption=attempt.interruption,
        is_starting=not attempt.has_url,
        count=attempt.number,
        most=settings.session_max_attempts,
    )


def _interrupted(attempt: AttemptStatus, why: str) -> str:
    return session_words.sentence(
        SessionState.INTERRUPTED,
        interruption=why,
        is_starting=False,
        count=attempt.number,
        most=settings.session_max_attempts,
    )


def _processing(*, is_starting: bool) -> str:
    return session_words.sentence(
        SessionState.PROCESSING, interruption=None, is_starting=is_starting, count=1, most=1
    )
