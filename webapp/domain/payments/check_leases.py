"""Which attempts are read next: taken under a lease, given back with their next time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from webapp.core import references
from webapp.core.states import MAY_HOLD_MONEY
from webapp.domain.payments import cadence, checks, creations
from webapp.domain.payments.checks import Check, Way
from webapp.domain.transaction import transaction
from webapp.extensions import db, settings
from webapp.models import PaymentAttempt, PaymentLink, ProviderAccount
from webapp.providers.base import Read, Unreadable

logger = structlog.get_logger(__name__)

_WAS_PULLED: Final = PaymentAttempt.next_check_at < PaymentAttempt.check_lease_until
_FOLLOWING: Final = bindparam("following", type_=PaymentAttempt.next_check_at.type)

# Sent once for many rows, which costs little more than for one.
_GIVE_BACK: Final = (
    update(PaymentAttempt)
    .where(
        PaymentAttempt.id == bindparam("its_id"),
        PaymentAttempt.check_lease_token == bindparam("its_token"),
    )
    .values(
        next_check_at=case((_WAS_PULLED, PaymentAttempt.next_check_at), else_=_FOLLOWING),
        check_lease_token=None,
        check_lease_until=None,
        unreadable_count=bindparam("count"),
        last_read_at=bindparam("at"),
        last_read=bindparam("word"),
    )
)


def count_due(provider: str | None = None) -> dict[str, int]:
    """Count what is due at each provider that has some, or at one."""
    query = (
        select(ProviderAccount.provider, func.count().label("due"))
        .join(PaymentAttempt, PaymentAttempt.provider_account_id == ProviderAccount.id)
        .where(*_is_due(provider))
        .group_by(ProviderAccount.provider)
    )
    with transaction():
        return {row.provider: row.due for row in db.session.execute(query)}


def take_due(*, limit: int, rooms: Mapping[int, int], provider: str | None = None) -> list[Check]:
    """Lease what is due, taking turns between the accounts.

    The places are counted over a snapshot, and what was leased since is passed over: a turn may
    then be shorter for an account, and never longer.

    Args:
        limit: how many at most.
        rooms: how many at most of an account; of one that is not named, `check_per_account`.
        provider: only what is there.
    """
    is_due = _is_due(provider)
    account: InstrumentedAttribute[int] = PaymentAttempt.provider_account_id
    most = settings.check_per_account
    # What somebody waits for comes first, however late the others are.
    urgency = (PaymentAttempt.asked_at.is_(None), PaymentAttempt.next_check_at)
    place = func.row_number().over(partition_by=account, order_by=urgency)
    turns = select(PaymentAttempt.id, place.label("place")).where(*is_due).cte("turns")
    # As one value: a statement for each number of accounts would be compiled anew each time.
    of_account = literal({str(name): room for name, room in rooms.items()}, JSONB)
    room = func.coalesce(of_account[cast(account, Text)].astext.cast(BigInteger), most)
    return _lease(
        select(PaymentAttempt.id)
        .join(turns, turns.c.id == PaymentAttempt.id)
        # Asked again of the row itself: PostgreSQL looks at it anew when it has the lock.
        .where(*is_due, turns.c.place <= room)
        .order_by(PaymentAttempt.asked_at.is_(None), turns.c.place, PaymentAttempt.next_check_at)
        .limit(limit),
        may_ask=True,
    )


def take(reference: str) -> Check | None:
    """Lease one attempt, whatever its clock says, unless somebody is reading it."""
    query = select(PaymentAttempt.id).where(PaymentAttempt.reference == reference, _is_free())
    return next(iter(_lease(query)), None)


def give_back(reads: Sequence[tuple[Check, Read]]) -> dict[str, int]:
    """End these leases and set the attempts' clocks, except those that were pulled forward.

    Returns:
        How often in a row each attempt could not be read, by its reference; those whose lease was
        lost are not among them.
    """
    read_of = {check.reference: (check, read) for check, read in reads}
    counts: dict[str, int] = {}
    changes: list[dict[str, Any]] = []
    with transaction():
        for row in db.session.execute(_clocks(list(read_of))):
            check, read = read_of[row.reference]
            if row.check_lease_token != check.token:
                continue
            count = row.unreadable_count + 1 if isinstance(read, Unreadable) else 0
            counts[row.reference] = count
            watched = cadence.Watched(
                row.state,
                row.created_at,
                row.watch_until,
                count,
                sends_notices=check.sends_notices,
                follow_up_s=check.follow_up_s(read),
            )
            change = {
                "its_id": row.id,
                "its_token": check.token,
                "following": cadence.next_check_at(watched, read, now=row.now, settings=settings),
                "count": count,
                "at": row.now,
                "word": checks.word(read),
            }
            changes.append(change)
        if changes:
            db.session.connection().execute(_GIVE_BACK, changes)
    return counts


def _clocks(references: list[str]) -> Select[Any]:
    """Ask for what the next times depend on, in the order in which the rows are then locked."""
    return (
        select(
            PaymentAttempt.id,
            PaymentAttempt.reference,
            PaymentAttempt.check_lease_token,
            PaymentAttempt.state,
            PaymentAttempt.created_at,
            PaymentAttempt.watch_until,
            PaymentAttempt.unreadable_count,
            func.clock_timestamp().label("now"),
        )
        .where(PaymentAttempt.reference.in_(references))
        .order_by(PaymentAttempt.id)
    )


def pull_forward(reference: str) -> bool:
    """Make an attempt due now, because somebody waits for it; say whether it was not yet.

    One that could not be read the last time keeps its clock, and so does one that is being read.
    """
    with transaction():
        pulled = db.session.scalar(
            update(PaymentAttempt)
            .where(
                PaymentAttempt.reference == reference,
                PaymentAttempt.next_check_at > func.now(),
                PaymentAttempt.watch_until > func.now(),
                PaymentAttempt.unreadable_count == 0,
                _is_free(),
            )
            .values(next_check_at=func.now(), asked_at=func.now())
            .returning(PaymentAttempt.id)
            .execution_options(synchronize_session=False)
        )
    return pulled is not None


def ask_for(references: Collection[str]) -> None:
    """Make attempts due now, in this transaction, whatever their clocks say: a person asks."""
    db.session.execute(
        update(PaymentAttempt)
        .where(PaymentAttempt.reference.in_(references), PaymentAttempt.watch_until > func.now())
        .values(next_check_at=func.now(), asked_at=func.now())
        .execution_options(synchronize_session=False)
    )


def wake(account_id: int) -> None:
    """Make due now what could not be read at an account, whose key was mended; in a transaction."""
    db.session.execute(
        update(PaymentAttempt)
        .where(
            PaymentAttempt.provider_account_id == account_id,
            PaymentAttempt.unreadable_count > 0,
            PaymentAttempt.next_check_at > func.now(),
            _is_free(),
        )
        .values(next_check_at=func.now())
        .execution_options(synchronize_session=False)
    )


def pull_all_forward(provider: str) -> int:
    """Make every attempt at a provider that could still be paid due now; return how many it was."""
    accounts_there = select(ProviderAccount.id).where(ProviderAccount.provider == provider)
    with transaction():
        pulled = db.session.scalars(
            update(PaymentAttempt)
            .where(
                PaymentAttempt.provider_account_id.in_(accounts_there),
                PaymentAttempt.state.in_(MAY_HOLD_MONEY),
                PaymentAttempt.watch_until > func.now(),
                _is_free(),
            )
            .values(next_check_at=func.now(), asked_at=func.now())
            .returning(PaymentAttempt.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(pulled)


def postpone_others(check: Check, *, seconds: float, count: int) -> None:
    """Let an account rest: none of its other attempts is due before so many seconds have passed.

    They share the count of the one that could not be read. So the account is asked again by few of
    them, ever later, and the buyers' pages do not pull it forward; a notice of the provider does.

    Args:
        check: whose account.
        seconds: how long.
        count: how often in a row it could not be read.
    """
    until = func.now() + timedelta(seconds=seconds)
    last = PaymentAttempt.watch_until - timedelta(seconds=cadence.LAST_READ_S)
    resting = (
        select(PaymentAttempt.id)
        .where(
            PaymentAttempt.provider_account_id == check.account_id,
            PaymentAttempt.reference != check.reference,
            PaymentAttempt.next_check_at < func.least(until, last),
            _is_free(),
        )
        .with_for_update(skip_locked=True)
        .cte("resting")
    )
    with transaction():
        db.session.execute(
            update(PaymentAttempt)
            .where(PaymentAttempt.id == resting.c.id)
            .values(
                next_check_at=func.least(until, last),
                unreadable_count=func.greatest(PaymentAttempt.unreadable_count, count),
            )
            .execution_options(synchronize_session=False)
        )


def _is_free() -> ColumnElement[bool]:
    return or_(
        PaymentAttempt.check_lease_until.is_(None), PaymentAttempt.check_lease_until < func.now()
    )


def _is_due(provider: str | None) -> list[ColumnElement[bool]]:
    is_due = [
        _is_free(),
        PaymentAttempt.next_check_at <= func.now(),
        PaymentAttempt.watch_until > func.now(),
    ]
    if provider is not None:
        accounts_there = select(ProviderAccount.id).where(ProviderAccount.provider == provider)
        is_due.append(PaymentAttempt.provider_account_id.in_(accounts_there))
    return is_due


def _lease(ids: Select[int], *, may_ask: bool = False) -> list[Check]:
    """Take attempts for ourselves, and move their clocks: a row that fails cannot come first again.

    Should we die, they are due again when the lease runs out, which is longer than a read may take.

    Args:
        ids: which.
        may_ask: count a try of those whose checkouts may be asked for once more.
    """
    token = references.token()
    lease_until = func.now() + timedelta(seconds=settings.check_lease_s)
    due: CTE = ids.with_for_update(skip_locked=True, of=PaymentAttempt).cte("due")
    with transaction():
        leased = db.session.scalars(
            update(PaymentAttempt)
            .where(PaymentAttempt.id == due.c.id)
            .values(
                check_lease_token=token,
                check_lease_until=lease_until,
                next_check_at=lease_until,
                asked_at=None,
            )
            .returning(PaymentAttempt)
            .execution_options(populate_existing=True, synchronize_session=False)
        ).all()
        query = select(PaymentLink.id, PaymentLink.reference, PaymentLink.ticket_count).where(
            PaymentLink.id.in_({attempt.link_id for attempt in leased})
        )
        orders = {row.id: row for row in db.session.execute(query)} if leased else {}
        ways = _ways({attempt.provider_account_id for attempt in leased})
        return [
            replace(
                checks.of(
                    attempt,
                    ways[attempt.provider_account_id],
                    token=token,
                    may_ask=may_ask and creations.count_try(attempt),
                ),
                order=orders[attempt.link_id].reference,
                tickets=orders[attempt.link_id].ticket_count,
            )
            for attempt in leased
        ]


def _ways(account_ids: Collection[int]) -> dict[int, Way]:
    if not account_ids:
        return {}
    query = select(ProviderAccount).where(ProviderAccount.id.in_(account_ids))
    found = db.session.scalars(query.execution_options(populate_existing=True))
    return {account.id: checks.way(account) for account in found}
