"""Refunds on their way: looked for, sent once, and read back until they have an end.

Each step is one call to the provider, under a lease and outside every transaction. Before a refund
is sent, its payment's books are read: what is there already is never mistaken for ours. That it is
sent is committed first, so that whoever dies while sending leaves a refund that is UNKNOWN.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import structlog
from sqlalchemy import func, or_, select

from webapp.core import clock, references
from webapp.core.states import RefundState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, reversals
from webapp.domain.payments import refund_endings as endings
from webapp.domain.payments.outside import Calls
from webapp.domain.payments.verification import PATIENCE_S
from webapp.domain.transaction import database_now, lock_some, transaction
from webapp.extensions import db, settings
from webapp.models import Capture, ProviderAccount, Refund
from webapp.providers import refunds as port
from webapp.providers.base import Unreadable
from webapp.providers.connection import Connection
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    RefundAnswer,
    RefundRead,
    RefundRefused,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)
from webapp.providers.registry import ADAPTERS

logger = structlog.get_logger(__name__)

# While some are being sent, others become due: how often a round looks for them, in seconds.
_LOOK_AGAIN_S: Final = 0.5

# Where the same key cannot be paid twice, a refund that the books do not have is sent again, so
# often at most, and only while the provider still remembers the key.
_MOST_ASKS: Final = 4
_KEY_KEPT_FOR: Final = timedelta(hours=23)


class Kind(Enum):
    """What a step asks the provider."""

    LOOK = auto()  # what went back of this payment before ours
    ASK = auto()  # send it
    READ = auto()  # what became of it


@dataclass
class Summary:
    """What one round came to."""

    steps: int = 0
    ended: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """One call about one refund: plain values that outlive the transaction."""

    refund_id: int
    account_id: int
    token: str
    kind: Kind
    connection: Connection
    wish: RefundWish
    timeout_s: float

    def call(self) -> RefundAnswer | RefundRead:
        """Ask the provider. An adapter that trips over an answer must not take others with it."""
        try:
            if self.kind is Kind.ASK:
                return self.connection.refund(self.wish, timeout_s=self.timeout_s)
            return self.connection.read_refunds(
                self.wish.payment_reference, timeout_s=self.timeout_s
            )
        except Exception as error:
            logger.exception("adapter_failed", refund=self.wish.key)
            return self.no_answer(f"our adapter failed ({type(error).__name__})")

    def no_answer(self, reason: str) -> RefundAnswer | RefundRead:
        """Say that nothing is known, in the words of what was asked."""
        is_sent = self.kind is Kind.ASK
        return RefundUnknown(reason) if is_sent else Unreadable(reason, is_silent=True)


def run_due(budget: Budget) -> Summary:
    """Take every refund that is due some steps on, side by side."""
    summary = Summary()
    with Calls[_Step, RefundAnswer | RefundRead]() as calls:
        while True:
            while not budget.is_spent and calls.room > 0:
                busy = {account_id for account_id, room in calls.rooms.items() if room <= 0}
                lease = _lease_one(busy)
                if lease is None:
                    break
                budget.rows -= 1
                step = _begin(*lease)
                if step is not None:
                    summary.steps += 1
                    within_s = step.timeout_s + PATIENCE_S
                    calls.start(step.account_id, step, step.call, within_s=within_s)
            if calls.is_idle:
                return summary
            for step, answer in calls.ended(wait_s=_LOOK_AGAIN_S):
                ended = _conclude(step, answer or step.no_answer("no end in sight"))
                if ended is not None:
                    summary.ended[ended] = summary.ended.get(ended, 0) + 1


def _lease_one(busy: set[int]) -> tuple[int, str] | None:
    """Take the next due refund; should we die, it is due again when the lease runs out."""
    token = references.token()
    others = select(Capture.id).where(Capture.provider_account_id.not_in(busy))
    with transaction():
        due = lock_some(
            Refund,
            Refund.next_step_at <= func.now(),
            or_(Refund.lease_until.is_(None), Refund.lease_until < func.now()),
            *([Refund.capture_id.in_(others)] if busy else []),
            by=Refund.next_step_at,
            limit=1,
        )
        if not due:
            return None
        (refund,) = due
        refund.lease_token = token
        refund.lease_until = database_now() + timedelta(seconds=settings.check_lease_s)
        refund.next_step_at = refund.lease_until
        return refund.id, token


def _begin(refund_id: int, token: str) -> _Step | None:
    """Decide what to ask, and commit that it is asked; None where there is nothing to ask."""
    try:
        with transaction():
            refund = endings.lock_with_link(refund_id)
            if refund.lease_token != token:
                return None
            if refund.state is RefundState.REQUESTED and refund.asked_at is not None:
                endings.doubt(refund, "whoever sent it has not come back with an answer")
            account = refund.capture.attempt.provider_account
            connection = _connection(account)
            if connection is None:
                refund.lease_token = refund.lease_until = None
                refund.last_answer = "the account's credentials cannot be used"
                endings.wait(refund)
                return None
            step = _Step(
                refund_id=refund.id,
                account_id=account.id,
                token=token,
                kind=_kind(refund),
                connection=connection,
                wish=_wish(refund),
                timeout_s=settings.provider_timeout_s,
            )
            if step.kind is Kind.ASK:
                refund.asked_at = database_now()
                refund.asks += 1
                refund.missing_count = 0
            return step
    except Exception:
        # The lease has moved this refund's clock: it does not stand in the others' way.
        logger.exception("refund_failed_to_begin", refund_id=refund_id)
        return None


def _connection(account: ProviderAccount) -> Connection | None:
    """Return the way to the provider; None where our own row cannot be used: that passes."""
    try:
        return accounts.connection(account)
    except Exception:
        logger.exception("credentials_unusable", account_id=account.id)
        return None


def _kind(refund: Refund) -> Kind:
    if refund.state is RefundState.REQUESTED:
        return Kind.LOOK if refund.known_before is None else Kind.ASK
    return Kind.ASK if _may_repeat(refund) else Kind.READ


def _may_repeat(refund: Refund) -> bool:
    """Say whether to send the identical wish again: the books lack it, and the key protects us."""
    adapter = ADAPTERS[refund.capture.attempt.provider_account.provider]
    return (
        adapter.CAPABILITIES.can_repeat_refund
        and refund.state is RefundState.UNKNOWN
        and refund.missing_count > 0
        and refund.asks < _MOST_ASKS
        and clock.now() - refund.created_at < _KEY_KEPT_FOR
    )


def _wish(refund: Refund) -> RefundWish:
    capture = refund.capture
    return RefundWish(
        key=refund.reference,
        payment_reference=capture.payment_reference,
        money=refund.money,
        is_whole=refund.money == capture.money,
    )


def _conclude(step: _Step, answer: RefundAnswer | RefundRead) -> str | None:
    """Write down what came of a step, unless somebody else has taken the refund over.

    Returns:
        The state in which the refund is now.
    """
    try:
        with transaction():
            refund = endings.lock_with_link(step.refund_id)
            if refund.lease_token != step.token:
                return None
            refund.lease_token = refund.lease_until = None
            before = refund.state
            _take_in(refund, step.kind, answer)
            after = refund.state
    except Exception:
        # The lease has moved this refund's clock: it does not stand in the others' way.
        logger.exception("refund_not_concluded", refund=step.wish.key)
        return None
    logger.info("refund_step", refund=step.wish.key, step=step.kind.name.lower(), state=after.value)
    return after.value if after is not before else None


def _take_in(refund: Refund, kind: Kind, answer: RefundAnswer | RefundRead) -> None:
    match answer:
        case RefundAccepted(reference, state):
            _go_by(refund, state, reference)
        case RefundRefused(reason) if refund.state is RefundState.REQUESTED:
            endings.fail(refund, reason)
        case RefundRefused(reason):
            # Perhaps because the first one was done: the books say.
            refund.last_answer = f"refused: {reason}"[:200]
            endings.wait(refund)
        case RefundUnknown(reason) if refund.state is RefundState.REQUESTED:
            endings.doubt(refund, reason)
        case RefundUnknown(reason):
            refund.last_answer = reason[:200]
            endings.wait(refund)
        case Unreadable(reason):
            refund.last_answer = f"unreadable: {reason}"[:200]
            endings.wait(refund, at_least_s=answer.retry_after_s or 0)
        case FoundRefunds() if kind is Kind.LOOK:
            _compare(refund, answer)
        case FoundRefunds():
            _read_back(refund, answer)


def _compare(refund: Refund, books: FoundRefunds) -> None:
    """Remember what went back before, and send nothing that would be more than was taken."""
    gone = sum(one.money.minor for one in books.refunds if one.state is not port.RefundState.FAILED)
    if gone + refund.amount_minor > refund.capture.amount_minor:
        endings.fail(refund, "the provider's books show that the money went back already")
        reversals.look_soon(refund.capture.attempt_id)
        return
    refund.known_before = [one.reference for one in books.refunds]
    refund.next_step_at = database_now()


def _read_back(refund: Refund, books: FoundRefunds) -> None:
    seen = _found(refund, books)
    if seen is None:
        endings.note_missing(refund)
    else:
        refund.missing_count = 0
        _go_by(refund, seen.state, seen.reference)


def _found(refund: Refund, books: FoundRefunds) -> SeenRefund | None:
    """Find a refund in the provider's books: by its name there, by our key, or as the only new one.

    A provider that keeps no key shows no more than an amount that was not there before and that
    belongs to no other refund of ours.
    """
    for seen in books.refunds:
        if refund.reference == seen.key or refund.provider_reference == seen.reference:
            return seen
    others = select(Refund.provider_reference).where(
        Refund.capture_id == refund.capture_id,
        Refund.id != refund.id,
        Refund.provider_reference.is_not(None),
    )
    taken = {*db.session.scalars(others), *(refund.known_before or ())}
    for seen in books.refunds:
        if seen.key is None and seen.money == refund.money and seen.reference not in taken:
            return seen
    return None


def _go_by(refund: Refund, state: port.RefundState, reference: str | None) -> None:
    match state:
        case port.RefundState.PENDING:
            endings.accept(refund, reference)
        case port.RefundState.DONE:
            endings.finish(refund, reference)
        case port.RefundState.FAILED:
            endings.fail(refund, "the provider could not send it back", reference)
