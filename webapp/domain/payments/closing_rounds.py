"""Closing, step by step: close the checkouts, read every watched attempt, then take the edge.

No lock is held while a provider is asked. What it says goes through settlement like every read, and
only what the rows then hold decides, under the link's lock: money that came in meanwhile wins.

Some checkouts cannot be closed: the provider has no way to, or refuses because somebody is paying
just then. Such an attempt is let go: it ends here, is watched on, and its money is still accepted.
"""

import time
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Final

import structlog
from sqlalchemy import func, select

from webapp.core import clock, references
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, checks, closing, ends
from webapp.domain.payments.checks import Check
from webapp.domain.payments.outside import Calls
from webapp.domain.payments.verification import GIVEN_UP, PATIENCE_S, conclude
from webapp.domain.tickets import capacity
from webapp.domain.transaction import lock, lock_some, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers.base import (
    STILL_PAYABLE,
    Found,
    ProviderState,
    Read,
    Unreadable,
)

logger = structlog.get_logger(__name__)

ACTOR = "sweep:closing"

# An account that cannot be read for hours should not be asked every few seconds.
_LONGEST_WAIT_S = 300

# The part of its lease that a step may spend on calls; the rest is for writing down what they said.
_SHARE: Final = 0.75

# While some links are being closed, others become due: how often a run looks for them, in seconds.
_LOOK_AGAIN_S: Final = 0.5


@dataclass(frozen=True)
class _Lease:
    link_id: int
    account_id: int
    token: str


@dataclass(frozen=True)
class _Watched:
    """A watched attempt, and the checkout that is closed before it is read, if there is one."""

    check: Check
    checkout_id: str | None


class _Stays(Enum):
    """Why a checkout that was read stays payable."""

    NO_WAY = auto()  # its provider closes none, and nobody is paying just now
    REFUSED = auto()  # somebody is paying, or the provider does not do what it was asked for


@dataclass(eq=False)
class _Step:
    """One link on its way to its end: what is still to be read, and how that went until now."""

    lease: _Lease
    ends_at: float
    to_read: deque[_Watched] = field(default_factory=deque)
    running: int = 0
    is_readable: bool = True
    stays: dict[str, _Stays] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether everything was read, or the time is up."""
        return not (self.running or self.to_read) or time.monotonic() >= self.ends_at

    def note(self, check: Check, read: Read) -> None:
        """Take in one answer. A silent provider is spared the questions that were not asked yet."""
        self.running -= 1
        match read:
            case Unreadable(is_silent=is_silent):
                self.is_readable = False
                if is_silent:
                    self.to_read.clear()
            case Found(observation) if observation.state in STILL_PAYABLE:
                is_paying = observation.state is ProviderState.PROCESSING
                is_nobodys = not check.can_close and not is_paying
                self.stays[check.reference] = _Stays.NO_WAY if is_nobodys else _Stays.REFUSED


_Asked = tuple[_Step, Check]


def run_due(budget: Budget) -> int:
    """Take one step with every link whose closing is due, side by side; return with how many.

    A step ends before its lease does, whatever the provider does. Otherwise the next worker would
    begin where this one began, and nobody would count how often that came to nothing.
    """
    taken = 0
    steps: list[_Step] = []
    with Calls[_Asked, Read]() as calls:
        while True:
            while not budget.is_spent and calls.room > 0:
                lease = _lease_one(_busy(steps))
                if lease is None:
                    break
                budget.rows -= 1
                taken += 1
                steps += _begin(lease)
                _ask(steps, calls)
            if not steps:
                return taken
            for (step, check), answer in calls.ended(wait_s=_LOOK_AGAIN_S):
                read = answer if answer is not None else GIVEN_UP
                step.note(check, conclude(check, read, actor=ACTOR).read)
            for step in [step for step in steps if step.is_over]:
                steps.remove(step)
                _end(step)
            _ask(steps, calls)


def _lease_one(busy: Collection[int] = ()) -> _Lease | None:
    """Take the next due link; should we die, it is due again when the lease runs out.

    Args:
        busy: accounts whose links wait, because enough of them are being closed.
    """
    token = references.token()
    with transaction():
        due = lock_some(
            PaymentLink,
            PaymentLink.closing_for.is_not(None),
            PaymentLink.closing_due_at <= func.now(),
            PaymentLink.provider_account_id.not_in(busy),
            by=PaymentLink.closing_due_at,
            limit=1,
        )
        if not due:
            return None
        (link,) = due
        link.closing_lease_token = token
        closing.postpone(link, settings.closing_lease_s)
        return _Lease(link.id, link.provider_account_id, token)


def _busy(steps: list[_Step]) -> set[int]:
    """Return the accounts that have as many calls before them as they may have at once."""
    calls: Counter[int] = Counter()
    for step in steps:
        calls[step.lease.account_id] += step.running + len(step.to_read)
    return {account for account, count in calls.items() if count >= settings.check_per_account}


def _begin(lease: _Lease) -> list[_Step]:
    """Look up what is to be closed and read; return the step, or none where that failed."""
    step = _Step(lease, time.monotonic() + settings.closing_lease_s * _SHARE)
    query = (
        select(PaymentAttempt)
        .where(
            PaymentAttempt.link_id == lease.link_id,
            PaymentAttempt.watch_until > func.now(),
            PaymentAttempt.state != AttemptState.SUCCEEDED,
        )
        .order_by(PaymentAttempt.id)
        .execution_options(populate_existing=True)
    )
    try:
        for attempt in db.session.scalars(query):
            checkout_id = attempt.checkout_id if attempt.state in MAY_HOLD_MONEY else None
            step.to_read.append(
                _Watched(checks.of(attempt, checks.way(attempt.provider_account)), checkout_id)
            )
    except Exception:
        # The lease has moved this link's clock: it does not stand in the others' way.
        logger.exception("closing_failed", link_id=lease.link_id)
        return []
    return [step]


def _ask(steps: list[_Step], calls: Calls[_Asked, Read]) -> None:
    """Begin as many calls as there is room for."""
    for step in steps:
        while step.to_read and calls.room_of(step.to_read[0].check.account_id) > 0:
            watched = step.to_read.popleft()
            check = watched.check
            step.running += 1
            calls.start(
                check.account_id,
                (step, check),
                partial(_close_and_read, watched),
                within_s=2 * check.timeout_s + PATIENCE_S,
            )


def _close_and_read(watched: _Watched) -> Read:
    """Ask that nobody can pay this checkout any more. Only the read that follows tells the truth.

    Where that cannot even be asked, such as with credentials of a lost key, the read fails too, and
    the link waits as with any other account that cannot be read.
    """
    check = watched.check
    if watched.checkout_id is not None and check.connection is not None and check.can_close:
        try:
            answer = check.connection.close(watched.checkout_id, timeout_s=check.timeout_s)
        except Exception:
            logger.exception("close_failed", attempt=check.reference)
        else:
            logger.info("checkout_closed", attempt=check.reference, answer=answer.value)
    return check.read()


def _end(step: _Step) -> None:
    """Write down what came of a step."""
    was_all_read = not (step.running or step.to_read)
    try:
        is_readable = step.is_readable and was_all_read
        _finish(step.lease, is_readable=is_readable, stays=step.stays)
    except Exception:
        # The lease has moved this link's clock: it does not stand in the others' way.
        logger.exception("closing_failed", link_id=step.lease.link_id)


def _finish(lease: _Lease, *, is_readable: bool, stays: Mapping[str, _Stays]) -> None:
    """Take the edge if nothing stands against it any more; otherwise come back later."""
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == lease.link_id)
        if link.closing_lease_token != lease.token:
            return
        if link.state is not LinkState.OPEN:
            closing.lift(link)
            return
        if is_readable and stays:
            _let_go(link, stays)
        if is_readable and not link.may_hold_money:
            _take_the_edge(link)
        elif link.closing_for == closing.EXPIRY:
            _wait_or_give_up(link)
        else:
            _retry_or_lift(link)


def _let_go(link: PaymentLink, stays: Mapping[str, _Stays]) -> None:
    """End what cannot be closed. Who is paying just now gets as many tries as a closing has."""
    is_last_try = link.closing_failures + 1 >= settings.closing_tries
    attempts.let_go(
        link,
        [name for name, why in stays.items() if why is _Stays.NO_WAY or is_last_try],
        actor=ACTOR,
    )


def _take_the_edge(link: PaymentLink) -> None:
    reason = link.closing_for
    closing.lift(link)
    if reason == closing.RETRY:
        record(link, "closing_done", actor=ACTOR, reason=reason)
        return
    ended = LinkState.CANCELED if reason == closing.CANCEL else LinkState.EXPIRED
    transition(link, ended, actor=ACTOR)
    capacity.release(link)
    link.ended_at = clock.now()
    if reason == closing.EXPIRY:
        ends.tell(link)


def _retry_or_lift(link: PaymentLink) -> None:
    """A cancel or a retry that keeps failing must not leave the link unpayable for ever."""
    link.closing_failures += 1
    if link.closing_failures >= settings.closing_tries:
        record(link, "closing_abandoned", actor=ACTOR, reason=link.closing_for)
        closing.lift(link)
    else:
        closing.postpone(link, settings.closing_retry_s)


def _wait_or_give_up(link: PaymentLink) -> None:
    """A link past its end waits as long as its money could still be there: never silently lost."""
    if attempts.give_up(link, actor=ACTOR):
        _take_the_edge(link)
        return
    link.closing_failures += 1
    wait = settings.closing_retry_s * 2 ** min(link.closing_failures - 1, 8)
    closing.postpone(link, min(wait, _LONGEST_WAIT_S))
