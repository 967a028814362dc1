"""Verification: every payment is what its provider says when asked."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy import select

from webapp import jobs
from webapp.core.errors import NotFoundError
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    breakers,
    cadence,
    check_leases,
    creations,
    settlement,
    starts,
    tokens,
)
from webapp.domain.payments.checks import Check
from webapp.domain.payments.conclusions import Conclusion, Summary
from webapp.domain.payments.narration import Narrator
from webapp.domain.payments.outside import Calls
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import step_outside
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt
from webapp.providers.base import Found, Missing, Read, Unreadable

logger = structlog.get_logger(__name__)

ACTOR = "sweep:verification"

# While some are being read, others become due: how often a run looks for them, in seconds.
_LOOK_AGAIN_S: Final = 0.5

# So many reads wait for a thread, and begin while we are busy with the answers to others.
_AHEAD: Final = 50

# So many answers are settled before we look which others have come, and so many may wait for that
# before nothing more is asked: their leases run.
_SETTLED_AT_ONCE: Final = 10
_MOST_ANSWERED: Final = 250

# A read keeps its own deadline. One that does not, because a name is long in being resolved, is
# given up so many seconds after it.
PATIENCE_S: Final = 3.0

Told = Callable[[Conclusion], None]

GIVEN_UP: Final = Unreadable("no end in sight", is_silent=True)

# After so many calls in a row without an answer, of one attempt or of several in a run, the others
# of the account are spared them.
_SILENT_IN_A_ROW: Final = 3


def run_due(
    budget: Budget,
    *,
    actor: str = ACTOR,
    provider: str | None = None,
    told: Told | None = None,
    narrator: Narrator | None = None,
    lingers: bool = False,
) -> Summary:
    """Read every attempt that is due, many side by side, and settle each by itself.

    Args:
        budget: how many, and how long new ones are taken on.
        actor: who asks, for the audit trail.
        provider: only those at this one.
        told: is called with each conclusion as it is reached.
        narrator: says what happens; by itself one that only writes the log.
        lingers: when all is done, wait for those whose checkouts are asked for again in a moment,
            unless another job waits for this process.
    """
    summary = Summary()
    health = _Health()
    narrator = narrator or Narrator()
    narrator.begin(check_leases.count_due(provider))
    answered: list[tuple[Check, Read]] = []
    with Calls[Check, Read](ahead=_AHEAD) as calls:
        while True:
            is_behind = len(answered) >= _MOST_ANSWERED
            if not budget.is_spent and not is_behind and calls.room >= _AHEAD // 2:
                rooms = calls.rooms | dict.fromkeys(health.resting, 0)
                limit = min(calls.room, budget.rows)
                for check in check_leases.take_due(limit=limit, rooms=rooms, provider=provider):
                    budget.rows -= 1
                    narrator.call(check)
                    within_s = check.longest_s + PATIENCE_S
                    calls.start(check.account_id, check, check.read, within_s=within_s)
            if calls.is_idle and not answered:
                if lingers and not budget.is_spent and _is_worth_waiting():
                    continue
                narrator.end(summary)
                return summary
            wait_s = 0 if answered else _LOOK_AGAIN_S
            answered += [(check, read or GIVEN_UP) for check, read in calls.ended(wait_s=wait_s)]
            # A few at a time, so that meanwhile others are asked.
            some, answered = answered[:_SETTLED_AT_ONCE], answered[_SETTLED_AT_ONCE:]
            for check, conclusion, count in _conclude_all(some, actor=actor):
                health.note(check, conclusion.read, count)
                summary.count(conclusion)
                narrator.conclude(check, conclusion)
                if told is not None:
                    told(conclusion)


def _is_worth_waiting() -> bool:
    """Wait a moment for the next step of a start, if there is one and nobody waits for us."""
    return not jobs.is_awaited(jobs.QueueName.CHECKS) and starts.await_next(_LOOK_AGAIN_S)


def _conclude_all(
    reads: Sequence[tuple[Check, Read]], *, actor: str
) -> Iterator[tuple[Check, Conclusion, int]]:
    """Settle what was read, each by itself but for those that only say what is known.

    Returns:
        Each with how often in a row it could not be read.
    """
    said = {check.reference: read.observation for check, read in reads if isinstance(read, Found)}
    known = settlement.nothing_new(said)
    conclusions = [
        Conclusion(check.reference, read, Outcome.NOTHING_NEW)
        if check.reference in known
        else conclude(check, read, actor=actor)
        for check, read in reads
    ]
    checks = [check for check, _ in reads]
    counts = check_leases.give_back(
        [(check, one.read) for check, one in zip(checks, conclusions, strict=True)]
    )
    for check, one in zip(checks, conclusions, strict=True):
        yield check, one, counts.get(check.reference, 0)


def run_one(
    reference: str,
    *,
    actor: str,
    within_s: float | None = None,
    narrator: Narrator | None = None,
) -> Conclusion | None:
    """Read one attempt now, whatever its clock says.

    Args:
        reference: the attempt's.
        actor: who asks, for the audit trail.
        within_s: for so long at most, in seconds; somebody waits.
        narrator: says what happens.

    Returns:
        What came of it, or None when somebody else is reading it at this moment.

    Raises:
        NotFoundError: there is no such attempt.
    """
    check = check_leases.take(reference)
    narrator = narrator or Narrator()
    if check is not None:
        if within_s is not None:
            check = replace(check, timeout_s=min(check.timeout_s, within_s))
        narrator.call(check)
        step_outside()
        conclusion = conclude(check, check.read(), actor=actor)
        check_leases.give_back([(check, conclusion.read)])
        narrator.conclude(check, conclusion)
        if check.is_failing and not isinstance(conclusion.read, Unreadable):
            breakers.heal(check.account_id)
        return conclusion
    query = select(PaymentAttempt.id).where(PaymentAttempt.reference == reference)
    if db.session.scalar(query) is None:
        raise NotFoundError(f"there is no attempt {reference}")
    return None


class _Health:
    """Which accounts have answered during one run.

    An account that is silent, or asks us to wait, rests: the next times of its attempts say so, for
    every other run too, and this one takes no more of them.
    """

    def __init__(self) -> None:
        self._silent: Counter[int] = Counter()
        self._healed: set[int] = set()
        self.resting: set[int] = set()

    def note(self, check: Check, read: Read, count: int) -> None:
        """Take in one read; `count` is how often in a row this attempt was unreadable."""
        account_id = check.account_id
        if not isinstance(read, Unreadable) or not _is_the_accounts(read):
            self._silent[account_id] = 0
            if check.is_failing and account_id not in self._healed:
                self._healed.add(account_id)
                breakers.heal(account_id)
            return
        self._silent[account_id] += 1
        is_enough = max(self._silent[account_id], count) >= _SILENT_IN_A_ROW
        if account_id not in self.resting and (is_enough or read.retry_after_s):
            self.resting.add(account_id)
            seconds = cadence.backoff_s(count, read, settings)
            check_leases.postpone_others(check, seconds=seconds, count=count)
            breakers.trip(account_id, read, seconds=seconds)


def _is_the_accounts(read: Unreadable) -> bool:
    """Whether the reason why it could not be read concerns all attempts of the account."""
    return read.is_silent or read.is_unauthorised or read.retry_after_s is not None


def conclude(check: Check, read: Read, *, actor: str) -> Conclusion:
    """Settle what was read of an attempt; what cannot be settled counts as unreadable."""
    outcome = None
    try:
        outcome = _settle(check, read, actor)
    except Exception as error:
        # One attempt that cannot be settled keeps its own clock and nobody else's.
        logger.exception("settlement_failed", attempt=check.reference)
        read = Unreadable(f"our settlement failed ({type(error).__name__})")
    if isinstance(read, Unreadable) and read.is_unauthorised:
        tokens.note_unauthorised(check.account_id)
    return Conclusion(check.reference, read, outcome)


def _settle(check: Check, read: Read, actor: str) -> Outcome | None:
    reference = check.reference
    match read:
        case Found(observation):
            return settlement.apply(reference, observation, actor=actor)
        case Missing(refusal):
            creations.note_missing(reference, actor=actor, refusal=refusal)
        case Unreadable(reason, is_silent=is_silent):
            logger.warning("unreadable", attempt=reference, reason=reason)
            if not is_silent and check.is_repeated:
                creations.note_unmade(reference, actor=actor)
    return None
