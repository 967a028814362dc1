"""Looks after money that was taken: once a day its provider is asked whether it went back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import func, or_, select, update

from webapp.core import references
from webapp.core.money import Money
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, checks, reversals
from webapp.domain.payments.checks import Check
from webapp.domain.payments.outside import Calls
from webapp.domain.payments.verification import GIVEN_UP, PATIENCE_S, conclude
from webapp.domain.transaction import database_now, transaction
from webapp.extensions import db, settings
from webapp.models import Capture, ProviderAccount
from webapp.providers.base import Read, Unreadable
from webapp.providers.refunds import FoundRefunds, RefundRead, RefundState

logger = structlog.get_logger(__name__)

_PATIENCE: Final = timedelta(days=3)

ACTOR: Final = "sweep:reversals"

_LOOK_AGAIN_S: Final = 0.5


@dataclass(frozen=True)
class _Look:
    """One capture to be looked after: plain values that outlive the transaction."""

    capture_id: int
    payment_reference: str
    token: str
    check: Check

    def call(self) -> "_Seen":
        """Read the checkout, which tells of chargebacks, and what went back of the payment."""
        check = self.check
        read = check.read()
        if isinstance(read, Unreadable) or check.connection is None:
            return _Seen(read)
        if not check.connection.adapter.CAPABILITIES.can_refund:
            return _Seen(read)
        try:
            books = check.connection.read_refunds(self.payment_reference, timeout_s=check.timeout_s)
        except Exception as error:
            logger.exception("adapter_failed", attempt=check.reference)
            books = Unreadable(f"our adapter failed ({type(error).__name__})")
        return _Seen(read, books)


@dataclass(frozen=True)
class _Seen:
    """What the provider says; `books` is None where it tells nothing of refunds by themselves."""

    read: Read
    books: RefundRead | None = None

    @property
    def unreadable(self) -> Unreadable | None:
        """Why this look saw nothing, if it did not."""
        for answer in (self.read, self.books):
            if isinstance(answer, Unreadable):
                return answer
        return None


def run_due(budget: Budget) -> int:
    """Look after all money whose time has come, side by side; return how many looks it were."""
    looks = 0
    resting: set[int] = set()
    with Calls[_Look, _Seen]() as calls:
        while True:
            while not budget.is_spent and calls.room > 0:
                full = {account_id for account_id, room in calls.rooms.items() if room <= 0}
                look = _lease_one(full | resting)
                if look is None:
                    break
                budget.rows -= 1
                looks += 1
                within_s = 2 * look.check.timeout_s + PATIENCE_S
                calls.start(look.check.account_id, look, look.call, within_s=within_s)
            if calls.is_idle:
                return looks
            for look, answer in calls.ended(wait_s=_LOOK_AGAIN_S):
                seen = answer or _Seen(GIVEN_UP)
                problem = seen.unreadable
                if problem and (problem.is_silent or problem.retry_after_s):
                    resting.add(look.check.account_id)
                _conclude(look, seen)


def _lease_one(busy: set[int]) -> _Look | None:
    """Take the next due capture; should we die, it is due again when the lease runs out.

    Args:
        busy: accounts that are asked enough, or gave no answer in this run.
    """
    token = references.token()
    lease_until = func.now() + timedelta(seconds=settings.check_lease_s)
    due = (
        select(Capture.id)
        .join(ProviderAccount, ProviderAccount.id == Capture.provider_account_id)
        .where(
            Capture.next_look_at <= func.now(),
            or_(Capture.look_lease_until.is_(None), Capture.look_lease_until < func.now()),
            or_(ProviderAccount.rests_until.is_(None), ProviderAccount.rests_until < func.now()),
            Capture.provider_account_id.not_in(busy),
        )
        .order_by(Capture.next_look_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=Capture)
        .cte("due")
    )
    with transaction():
        capture = db.session.scalar(
            update(Capture)
            .where(Capture.id == due.c.id)
            .values(look_lease_token=token, look_lease_until=lease_until, next_look_at=lease_until)
            .returning(Capture)
            .execution_options(populate_existing=True, synchronize_session=False)
        )
        if capture is None:
            return None
        check = checks.of(capture.attempt, checks.way(capture.attempt.provider_account))
        return _Look(capture.id, capture.payment_reference, token, check)


def _conclude(look: _Look, seen: _Seen) -> None:
    """Settle what was read, ask a person about what went back, and say when to look again."""
    problem = seen.unreadable
    try:
        conclusion = conclude(look.check, seen.read, actor=ACTOR)
        if isinstance(conclusion.read, Unreadable):
            problem = conclusion.read
        if isinstance(seen.books, FoundRefunds):
            _weigh(look, seen.books)
    except Exception as error:
        # One capture that cannot be looked after keeps its own clock and nobody else's.
        logger.exception("look_failed", attempt=look.check.reference)
        problem = Unreadable(f"our own error ({type(error).__name__})")
    _give_back(look, problem)


def _weigh(look: _Look, books: FoundRefunds) -> None:
    by_currency: dict[str, int] = {}
    failed: set[str] = set()
    for refund in books.refunds:
        if refund.state is RefundState.FAILED:
            failed |= {refund.reference} if refund.key is None else {refund.reference, refund.key}
        else:
            code = refund.money.currency
            by_currency[code] = by_currency.get(code, 0) + refund.money.minor
    if not books.refunds:
        return
    with transaction():
        attempt = attempts.lock_with_link(look.check.reference)
        if failed:
            reversals.note_bounced(attempt, failed, actor=ACTOR)
        for code, minor in by_currency.items():
            reversals.weigh(attempt, look.payment_reference, Money(minor, code), actor=ACTOR)


def _give_back(look: _Look, problem: Unreadable | None) -> None:
    """End the lease and set the capture's clock, unless somebody pulled it forward meanwhile."""
    with transaction():
        capture = db.session.scalar(
            select(Capture)
            .where(Capture.id == look.capture_id, Capture.look_lease_token == look.token)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if capture is None:
            return
        # The lease has put it there; any other time is somebody's wish.
        if capture.next_look_at == capture.look_lease_until:
            capture.next_look_at = _following(capture, problem, database_now())
        capture.look_lease_token = capture.look_lease_until = None


def _following(capture: Capture, problem: Unreadable | None, now: datetime) -> datetime | None:
    """Return when to look again: daily, then once at the very end, and then never.

    A provider that cannot be read gets some days more.
    """
    until = (capture.paid_at or capture.created_at) + timedelta(seconds=settings.check_paid_for_s)
    if problem is not None and now < until + _PATIENCE:
        wait_s = max(settings.check_old_every_s, problem.retry_after_s or 0)
        return now + timedelta(seconds=wait_s)
    if now >= until:
        return None
    return min(now + timedelta(seconds=settings.check_paid_every_s), until)
