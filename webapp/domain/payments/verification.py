"""Verification: every payment is what its provider says when asked."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, case, func, or_, select, update

from webapp.core import references
from webapp.core.errors import NotFoundError
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, attempts, cadence, settlement
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import database_now, step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt
from webapp.providers.base import Found, Handle, Missing, Read, Unreadable
from webapp.providers.connection import Connection

logger = structlog.get_logger(__name__)

ACTOR = "sweep:verification"

# How many attempts one lease takes: a few rounds for every thread.
_BATCH = 200


@dataclass(frozen=True)
class Check:
    """One attempt to be read now, leased so that nobody else reads it meanwhile."""

    handle: Handle
    token: str
    # None where our own row cannot be used, such as credentials of a lost key.
    connection: Connection | None
    timeout_s: float

    @property
    def reference(self) -> str:
        """The attempt's."""
        return self.handle.reference


@dataclass(frozen=True)
class Conclusion:
    """What was read of one attempt, and what it changed; None where nothing could be settled."""

    reference: str
    read: Read
    outcome: Outcome | None


@dataclass
class Summary:
    """What one cycle found. `errors` counts what was unreadable or needs a person."""

    verified: int = 0
    failed: int = 0
    pending: int = 0
    errors: int = 0

    @property
    def total(self) -> int:
        """How many attempts were read."""
        return self.verified + self.failed + self.pending + self.errors

    def count(self, conclusion: Conclusion) -> None:
        """Add one conclusion."""
        read, outcome = conclusion.read, conclusion.outcome
        if isinstance(read, Unreadable) or outcome in _FOR_A_PERSON:
            self.errors += 1
        elif not isinstance(read, Found):
            self.pending += 1
        elif read.observation.payments:
            self.verified += 1
        elif outcome is Outcome.ENDED:
            self.failed += 1
        else:
            self.pending += 1


_FOR_A_PERSON = frozenset({Outcome.HELD, Outcome.SURPLUS, Outcome.FOREIGN, Outcome.REVERSED})

Told = Callable[[Conclusion], None]


def run_due(budget: Budget, *, actor: str = ACTOR, told: Told | None = None) -> Summary:
    """Read every attempt that is due, many side by side, and settle each by itself.

    Args:
        budget: how many, and how long new ones are taken on.
        actor: who asks, for the audit trail.
        told: is called with each conclusion as it is reached.
    """
    summary = Summary()
    with ThreadPoolExecutor(settings.check_side_by_side, "read") as readers:
        while not budget.is_spent:
            checks = _lease(
                PaymentAttempt.next_check_at <= func.now(),
                PaymentAttempt.watch_until > func.now(),
                limit=min(_BATCH, budget.rows),
            )
            if not checks:
                break
            budget.rows -= len(checks)
            step_outside()
            for check, read in _read_side_by_side(readers, checks):
                conclusion = _conclude(check, read, actor)
                _give_back(check, conclusion.read)
                summary.count(conclusion)
                if told is not None:
                    told(conclusion)
    return summary


def run_one(reference: str, *, actor: str) -> Conclusion | None:
    """Read one attempt now, whatever its clock says.

    Returns:
        What came of it, or None when somebody else is reading it at this moment.

    Raises:
        NotFoundError: there is no such attempt.
    """
    checks = _lease(PaymentAttempt.reference == reference, limit=1)
    if checks:
        step_outside()
        conclusion = _conclude(checks[0], _read(checks[0]), actor)
        _give_back(checks[0], conclusion.read)
        return conclusion
    query = select(PaymentAttempt.id).where(PaymentAttempt.reference == reference)
    if db.session.scalar(query) is None:
        raise NotFoundError(f"there is no attempt {reference}")
    return None


def read_and_settle(reference: str, *, actor: str) -> Conclusion:
    """Read one attempt without a lease and without touching its clock, for closing.

    Somebody else may read it at the same moment: settling twice changes nothing.

    Raises:
        NotFoundError: there is no such attempt.
    """
    attempt = db.session.scalar(select(PaymentAttempt).where(PaymentAttempt.reference == reference))
    if attempt is None:
        raise NotFoundError(f"there is no attempt {reference}")
    check = _check_of(attempt, token="")
    step_outside()
    return _conclude(check, _read(check), actor)


def _lease(*where: ColumnElement[bool], limit: int) -> list[Check]:
    """Take attempts for ourselves, and move their clocks: a row that fails cannot come first again.

    Should we die, they are due again when the lease runs out, which is longer than a read may take.
    """
    token = references.token()
    lease_until = func.now() + timedelta(seconds=settings.check_lease_s)
    is_free = or_(
        PaymentAttempt.check_lease_until.is_(None), PaymentAttempt.check_lease_until < func.now()
    )
    with transaction():
        due = (
            select(PaymentAttempt.id)
            .where(is_free, *where)
            .order_by(PaymentAttempt.next_check_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        leased = db.session.scalars(
            update(PaymentAttempt)
            .where(PaymentAttempt.id == due.c.id)
            .values(
                check_lease_token=token,
                check_lease_until=lease_until,
                next_check_at=lease_until,
            )
            .returning(PaymentAttempt)
            .execution_options(populate_existing=True, synchronize_session=False)
        ).all()
    return [_check_of(attempt, token) for attempt in leased]


def _check_of(attempt: PaymentAttempt, token: str) -> Check:
    connection = None
    try:
        connection = accounts.connection(attempt.provider_account)
    except Exception:
        logger.exception("credentials_unusable", attempt=attempt.reference)
    handle = Handle(attempt.reference, attempt.checkout_id)
    return Check(handle, token, connection, settings.provider_timeout_s)


def _read_side_by_side(
    readers: ThreadPoolExecutor, checks: list[Check]
) -> Iterator[tuple[Check, Read]]:
    reads = {readers.submit(_read, check): check for check in checks}
    for done in as_completed(reads):
        yield reads[done], done.result()


def _read(check: Check) -> Read:
    """Ask the provider. An adapter that trips over an answer must not take the others with it."""
    try:
        if check.connection is None:
            return Unreadable("the account's credentials cannot be used")
        return check.connection.read(check.handle, timeout_s=check.timeout_s)
    except Exception as error:
        logger.exception("adapter_failed", attempt=check.reference)
        return Unreadable(f"our adapter failed ({type(error).__name__})")


def _conclude(check: Check, read: Read, actor: str) -> Conclusion:
    outcome = None
    try:
        outcome = _settle(check.reference, read, actor)
    except Exception as error:
        # One attempt that cannot be settled keeps its own clock and nobody else's.
        logger.exception("settlement_failed", attempt=check.reference)
        read = Unreadable(f"our settlement failed ({type(error).__name__})")
    return Conclusion(check.reference, read, outcome)


def _settle(reference: str, read: Read, actor: str) -> Outcome | None:
    match read:
        case Found(observation):
            return settlement.apply(reference, observation, actor=actor)
        case Missing():
            attempts.note_missing(reference, actor=actor)
        case Unreadable(reason):
            logger.warning("unreadable", attempt=reference, reason=reason)
    return None


def _give_back(check: Check, read: Read) -> None:
    """End the lease and set the attempt's clock, unless somebody pulled it forward meanwhile."""
    is_unreadable = isinstance(read, Unreadable)
    with transaction():
        attempt = db.session.scalar(
            select(PaymentAttempt)
            .where(PaymentAttempt.reference == check.reference)
            .execution_options(populate_existing=True)
        )
        if attempt is None or attempt.check_lease_token != check.token:
            return
        count = attempt.unreadable_count + 1 if is_unreadable else 0
        now = database_now()
        following = cadence.next_check_at(
            cadence.Watched(attempt.state, attempt.created_at, attempt.watch_until, count),
            read,
            now=now,
            settings=settings,
        )
        was_pulled = PaymentAttempt.next_check_at < PaymentAttempt.check_lease_until
        db.session.execute(
            update(PaymentAttempt)
            .where(
                PaymentAttempt.id == attempt.id,
                PaymentAttempt.check_lease_token == check.token,
            )
            .values(
                next_check_at=case((was_pulled, PaymentAttempt.next_check_at), else_=following),
                check_lease_token=None,
                check_lease_until=None,
                unreadable_count=count,
                last_read_at=now,
                last_read=_word(read),
            )
            .execution_options(synchronize_session=False)
        )


def _word(read: Read) -> str:
    match read:
        case Found(observation):
            return observation.raw_state[:100]
        case Missing():
            return "missing"
        case Unreadable(reason):
            return f"unreadable: {reason}"[:100]
