"""What a cycle of checks says, in the same sentences in the log and on a terminal.

Providers that send notices are told of by order. For a service that is only ever asked, the words
are those of a monitor of checkout sessions. What nothing came of is told to the log at its DEBUG
level only: there are many, every few seconds.
"""

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from webapp.domain.payments.account_fields import PROVIDERS
from webapp.domain.payments.checks import Check
from webapp.domain.payments.conclusions import Conclusion, Summary
from webapp.domain.payments.settlement import Outcome
from webapp.providers.base import Found, Missing, Observation, Read, Unreadable
from webapp.providers.registry import ADAPTERS

logger = structlog.get_logger(__name__)

Say = Callable[[str], None]

_SILENT: Final = frozenset(
    name for name, adapter in ADAPTERS.items() if not adapter.CAPABILITIES.sends_notices
)

_ENDS: Final = {
    Outcome.PAID: "verified",
    Outcome.ENDED: "failed",
    Outcome.DECLINED: "failed",
    Outcome.HELD: "requires_manual_review",
    Outcome.SURPLUS: "requires_manual_review",
    Outcome.FOREIGN: "requires_manual_review",
    Outcome.REVERSED: "requires_manual_review",
}

_ERRORS: Final = {
    "timed out": "Timeout: Checkout session request timed out",
    "connection refused": "connect ECONNREFUSED",
}


class Narrator:
    """Tells of one cycle as it goes. `say` gets every sentence, the log those that are news."""

    def __init__(self, say: Say | None = None) -> None:
        self._say = say
        self._successes = self._errors = 0

    def begin(self, due: Mapping[str, int]) -> None:
        """Tell how many checks there will be, by provider."""
        sessions = sum(count for name, count in due.items() if name in _SILENT)
        others = sum(due.values()) - sessions
        is_news = others > 0
        self._tell("Starting payment polling cycle", is_news=is_news)
        self._tell(f"Found {others} pending orders to verify", is_news=is_news)
        is_news = sessions > 0
        self._tell(f"Checking {sessions} open checkout sessions...", is_news=is_news)

    def call(self, check: Check) -> None:
        """Tell that a provider is asked."""
        if check.provider not in _SILENT:
            name = check.handle.checkout_id or check.reference
            self._tell(f"Calling {_title(check)} API for checkout {name}", check, is_news=False)

    def conclude(self, check: Check, conclusion: Conclusion) -> None:
        """Tell what came of it."""
        if check.provider in _SILENT:
            self._conclude_session(check, conclusion.read)
        match conclusion.read:
            case Found(observation) if check.provider not in _SILENT:
                is_news = conclusion.outcome is not Outcome.NOTHING_NEW
                self._tell(_status(check, observation), check, is_news=is_news)
        if check.was_paid and conclusion.outcome is Outcome.NOTHING_NEW:
            self._tell("Already processed - skipping", check, is_news=False)
            return
        if conclusion.outcome is Outcome.PAID:
            verified = f"Order {check.order} verified successfully. {check.tickets} tickets issued."
            self._tell(verified, check)
        end, is_news = _end(conclusion)
        self._tell(f"Order {check.order}: {end}", check, is_news=is_news)

    def end(self, summary: Summary) -> None:
        """Tell what the cycle found."""
        if self._successes + self._errors:
            self._tell(
                f"Checkout session check complete: {self._successes} success, {self._errors} errors"
            )
        is_news = summary.total > 0
        for sentence in in_words(summary):
            self._tell(sentence, is_news=is_news)

    def _conclude_session(self, check: Check, read: Read) -> None:
        name = f"{check.handle.checkout_id or check.reference} ({check.order_id or check.order})"
        match read:
            case Found(observation):
                self._successes += 1
                is_open = observation.raw_state in {"open", "200"}
                how = "still active" if is_open else observation.raw_state
                self._tell(f"Success: Checkout session {name} is {how}", check)
            case Missing():
                self._fail(check, name, "status 404")
            case Unreadable(reason):
                said = "Network error" if reason.startswith("no answer") else reason
                self._fail(check, name, _ERRORS.get(reason, said))

    def _fail(self, check: Check, name: str, reason: str) -> None:
        self._errors += 1
        self._tell(f"Error checking session {name}: {reason}", check)

    def _tell(self, sentence: str, check: Check | None = None, *, is_news: bool = True) -> None:
        if self._say is not None:
            self._say(sentence)
        fields = {} if check is None else {"attempt": check.reference, "order": check.order}
        (logger.info if is_news else logger.debug)(sentence, **fields)


def in_words(summary: Summary) -> list[str]:
    """Return what a cycle found, a sentence each."""
    return [
        "Polling cycle complete!",
        f"Verified: {summary.verified}",
        f"Failed: {summary.failed}",
        f"Still Pending: {summary.pending}",
        f"Errors: {summary.errors}",
        f"Processed {summary.total} orders",
    ]


def _title(check: Check) -> str:
    known = PROVIDERS.get(check.provider)
    return check.provider.capitalize() if known is None else known.name


def _status(check: Check, observation: Observation) -> str:
    amounts = " and ".join(payment.money.major for payment in observation.payments)
    said = f"Order {check.order}: {_title(check)} status={observation.raw_state}"
    return f"{said}, amount={amounts}" if amounts else said


def _end(conclusion: Conclusion) -> tuple[str, bool]:
    if conclusion.outcome in _ENDS:
        return _ENDS[conclusion.outcome], True
    if isinstance(conclusion.read, Unreadable):
        return f"error ({conclusion.read.reason})", True
    return "still_pending", False
