"""Payment attempts: begun under the link's lock, known to the provider by one reference."""

import math
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from webapp import jobs
from webapp.core.errors import (
    AccountNotConnectedError,
    LinkNotPayableError,
    NotFoundError,
    PaymentInFlightError,
    RetriesExhaustedError,
)
from webapp.core.session_words import Interruption
from webapp.core.states import (
    LINK_ENDED,
    MAY_HOLD_MONEY,
    AttemptState,
    LinkState,
    SessionState,
)
from webapp.domain.messages import attention, patterns
from webapp.domain.payments import checkout_requests, closing, ends
from webapp.domain.transaction import (
    after_commit,
    database_now,
    lock,
    lock_all,
    require_locked,
    transaction,
)
from webapp.domain.transitions import record, transition
from webapp.extensions import db, settings
from webapp.models import Event, PaymentAttempt, PaymentLink, PaymentSession, ProviderAccount


def begin(link: PaymentLink, session: PaymentSession, *, actor: str) -> PaymentAttempt:
    """Write an attempt, with the exact request that the provider will get; nothing is sent yet.

    The caller holds the link's lock and the session's.

    Raises:
        LinkNotPayableError: not open, past its end by PostgreSQL's clock, or being closed.
        AccountNotConnectedError: the account takes no new checkouts.
        PaymentInFlightError: another attempt could still be paid.
        RetriesExhaustedError: the sitting has had its attempts.
    """
    require_locked(link)
    now = database_now()
    if not _is_payable(link, now):
        raise LinkNotPayableError("this link does not take a payment now")
    account = link.provider_account
    if not account.takes_payments:
        raise AccountNotConnectedError("the merchant takes no payments at the moment")
    before = current(link)
    if before is not None:
        if before.state in MAY_HOLD_MONEY:
            raise PaymentInFlightError("a payment for this link is on its way")
        before.is_current = False
        db.session.flush()  # the one current attempt is a unique index: first the old one goes
    if session.attempt_count >= settings.session_max_attempts:
        left_s = (session.expires_at - now).total_seconds()
        raise RetriesExhaustedError(max(1, math.ceil(left_s)))
    ends.extend(link)
    session.attempt_count += 1
    attempt = _write(link, session, number=session.attempt_count, tries=1)
    transition(session, SessionState.PROCESSING, actor=actor, attempt=attempt.reference)
    session.interruption = None
    return attempt


def replace(lost: PaymentAttempt) -> PaymentAttempt | None:
    """Write another attempt in place of one whose checkout is there, and its address lost for good.

    It does not count: the buyer has asked for one. A worker asks for its checkout. The caller holds
    the locks, and has ended the lost one.

    Returns:
        The other, or None where nobody waits for it any more, or the provider was asked too often.
    """
    link, session = lost.link, lost.session
    is_wanted = (
        lost.is_current
        and session.state is SessionState.PROCESSING
        and lost.start_tries < settings.start_tries
        and link.provider_account.takes_payments
    )
    if not is_wanted or not _is_payable(link, database_now()):
        return None
    lost.is_current = False
    db.session.flush()
    # The worker counts a try before it asks.
    other = _write(link, session, number=lost.number, tries=lost.start_tries)
    other.next_check_at = database_now()
    after_commit(jobs.check, other.reference)
    return other


def _is_payable(link: PaymentLink, now: datetime) -> bool:
    return link.state is LinkState.OPEN and link.closing_for is None and link.expires_at > now


def _write(
    link: PaymentLink, session: PaymentSession, *, number: int, tries: int
) -> PaymentAttempt:
    """Write an attempt of a sitting, with its request.

    Args:
        link: whose it is; locked.
        session: of whom; locked.
        number: the how many-th it is for the buyer.
        tries: how often the provider will have been asked when this is committed and sent.
    """
    now = database_now()
    account = link.provider_account
    attempt = PaymentAttempt(
        link=link,
        session=session,
        provider_account=account,
        amount_minor=link.amount_minor,
        currency=link.currency,
        number=number,
        start_tries=tries,
        request={},
        watch_until=link.expires_at + timedelta(seconds=settings.watch_after_end_s),
        next_check_at=now + timedelta(seconds=settings.check_unanswered_after_s),
    )
    db.session.add(attempt)
    db.session.flush()
    attempt.request = checkout_requests.write(attempt, now).as_json()
    link.may_hold_money = True
    return attempt


def current(link: PaymentLink) -> PaymentAttempt | None:
    """Return the attempt that the buyer's pages are about, if there was one."""
    query = select(PaymentAttempt).where(
        PaymentAttempt.link_id == link.id, PaymentAttempt.is_current
    )
    return db.session.scalar(query.execution_options(populate_existing=True))


def named(name: str, *, provider: str | None = None) -> list[str]:
    """Return the attempts that a name means: one by its own, or all of a link's.

    Args:
        name: an attempt's reference, or a link's reference or code.
        provider: only those at this one.

    Raises:
        NotFoundError: it means nothing here.
    """
    query = (
        select(PaymentAttempt.reference)
        .join(PaymentLink, PaymentLink.id == PaymentAttempt.link_id)
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(or_(PaymentAttempt.reference == name, PaymentLink.goes_by(name)))
        .order_by(PaymentAttempt.id)
    )
    if provider is not None:
        query = query.where(ProviderAccount.provider == provider)
    found = db.session.scalars(query).all()
    if not found:
        raise NotFoundError(f"no payment was begun under {name!r}")
    return list(found)


def let_go(link: PaymentLink, references: Collection[str], *, actor: str) -> None:
    """End attempts whose checkouts cannot be closed. They are watched on, and may still be paid.

    The caller holds the link's lock.
    """
    going = lock_all(
        PaymentAttempt,
        PaymentAttempt.link_id == link.id,
        PaymentAttempt.reference.in_(references),
        PaymentAttempt.state == AttemptState.PENDING,
        by=PaymentAttempt.id,
    )
    for attempt in going:
        transition(attempt, AttemptState.EXPIRED, actor=actor, reason="cannot be closed")
        interrupt(attempt, "timeout", actor=actor)
    weigh(link)


def give_up(link: PaymentLink, *, actor: str) -> bool:
    """End the link's attempts that nobody watches any more, and ask a person what became of them.

    The caller holds the link's lock.

    Returns:
        False, with nothing changed, while one that could still be paid is watched, or none is left.
    """
    require_locked(link)
    holding = lock_all(
        PaymentAttempt,
        PaymentAttempt.link_id == link.id,
        PaymentAttempt.state.in_(MAY_HOLD_MONEY),
        by=PaymentAttempt.id,
    )
    if not holding or max(attempt.watch_until for attempt in holding) > database_now():
        return False
    for attempt in holding:
        is_created = attempt.state is AttemptState.CREATED
        ended = AttemptState.FAILED if is_created else AttemptState.EXPIRED
        transition(attempt, ended, actor=actor, reason="never readable")
    weigh(link)
    attention.raise_item(
        link,
        "unverified",
        "The provider could not be read until the last moment: nobody knows whether it was paid.",
        actor=actor,
        subject=link.reference,
    )
    return True


def interrupt(attempt: PaymentAttempt, reason: Interruption, *, actor: str) -> None:
    """Note on the buyer's sitting that this attempt comes to nothing, so that it can be retried.

    A sitting that was interrupted before keeps its reason. Once its last attempt has ended, it is
    over. The caller holds the locks.
    """
    session = attempt.session
    if not attempt.is_current:
        return
    if session.state is SessionState.PROCESSING:
        transition(
            session,
            SessionState.INTERRUPTED,
            actor=actor,
            reason=reason,
            attempt=attempt.reference,
        )
        session.interruption = reason
    has_ended = attempt.state not in MAY_HOLD_MONEY
    is_last = session.attempt_count >= settings.session_max_attempts
    if session.state is SessionState.INTERRUPTED and has_ended and is_last:
        transition(session, SessionState.FAILED_MAX_RETRIES, actor=actor)


def weigh(link: PaymentLink) -> None:
    """Set `may_hold_money` to whether an attempt could still be paid; under the link's lock."""
    require_locked(link)
    db.session.flush()
    query = select(PaymentAttempt.id).where(
        PaymentAttempt.link_id == link.id, PaymentAttempt.state.in_(MAY_HOLD_MONEY)
    )
    link.may_hold_money = db.session.scalar(query.limit(1)) is not None
    if not link.may_hold_money and link.closing_for is not None:
        closing.hurry(link)


def lock_with_link(reference: str, *, also_event: bool = False) -> PaymentAttempt:
    """Lock an attempt with its link and session, in the order of the house.

    Args:
        reference: the attempt.
        also_event: lock the event of an ended link too, whose places money may want back.

    Raises:
        NotFoundError: there is no such attempt.
    """
    ids = db.session.execute(
        select(PaymentAttempt.link_id, PaymentAttempt.session_id).where(
            PaymentAttempt.reference == reference
        )
    ).one_or_none()
    if ids is None:
        raise NotFoundError(f"there is no attempt {reference}")
    link = lock(PaymentLink, PaymentLink.id == ids.link_id)
    if also_event and link.event_id is not None and link.state in LINK_ENDED:
        lock(Event, Event.id == link.event_id)
    session = lock(PaymentSession, PaymentSession.id == ids.session_id)
    attempt = lock(PaymentAttempt, PaymentAttempt.reference == reference)
    # The attempt holds on to the locked rows, or SQLAlchemy would forget and read them again.
    set_committed_value(attempt, "link", link)
    set_committed_value(attempt, "session", session)
    return attempt


def note_return(link_id: int) -> None:
    """Note that the buyer came back from the provider, and ask what became of it.

    It proves nothing. It sets the pace of the page, and pulls the next read forward.
    """
    with transaction():
        came_back = db.session.scalars(
            update(PaymentAttempt)
            .where(
                PaymentAttempt.link_id == link_id,
                PaymentAttempt.is_current,
                PaymentAttempt.state.in_(MAY_HOLD_MONEY),
                PaymentAttempt.returned_at.is_(None),
            )
            .values(
                returned_at=func.now(),
                next_check_at=func.least(PaymentAttempt.next_check_at, func.now()),
                asked_at=func.now(),
            )
            .returning(PaymentAttempt.reference)
        ).all()
        for reference in came_back:
            after_commit(jobs.check, reference)


def note_declined(attempt: PaymentAttempt, *, actor: str, reason: str | None) -> None:
    """Note that the last try failed where the checkout can still be paid; under the locks.

    The buyer may try again there, or leave it for another attempt.
    """
    if attempt.declined_at is None:
        attempt.declined_at = database_now()
        record(
            attempt.link,
            "payment_declined",
            actor=actor,
            subject=attempt.reference,
            reason=(reason or "")[:200],
        )
        interrupt(attempt, "declined", actor=actor)
        patterns.note_failed_attempt(attempt.reference)
