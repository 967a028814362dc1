"""What programs may know of a link: one small query, the same for everyone who has its name."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, true
from sqlalchemy.sql.selectable import LateralFromClause

from webapp.core import references
from webapp.core.errors import NotFoundError
from webapp.core.money import Money
from webapp.core.states import MAY_HOLD_MONEY, CaptureState, LinkState
from webapp.domain.payments import pace, waits
from webapp.domain.payments import status as statuses
from webapp.extensions import db, settings
from webapp.models import (
    Capture,
    Merchant,
    PaymentAttempt,
    PaymentEvent,
    PaymentLink,
    ProviderAccount,
)


class PublicEvent(StrEnum):
    """What can have happened to a link, in words for programs."""

    CREATED = "CREATED"
    OPENED = "OPENED"
    PAYMENT_STARTED = "PAYMENT_STARTED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PAID = "PAID"
    REVIEW = "REVIEW"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    REFUNDED = "REFUNDED"


# The link's own steps, by their names in the trail.
OF_LINK: Final[Mapping[str, PublicEvent]] = MappingProxyType(
    {
        "link_made": PublicEvent.CREATED,
        "link_opened": PublicEvent.OPENED,
        "payment_confirmed": PublicEvent.PAID,
        "paid_late": PublicEvent.PAID,
        "review_accepted": PublicEvent.PAID,
        "payment_mismatched": PublicEvent.REVIEW,
        "paid_late_unfulfilled": PublicEvent.REVIEW,
        "link_expired": PublicEvent.EXPIRED,
        "link_canceled": PublicEvent.CANCELED,
        "review_dismissed": PublicEvent.CANCELED,
        "review_refunded": PublicEvent.REFUNDED,
        "payment_refunded": PublicEvent.REFUNDED,
    }
)

# What becomes of single payments: news while the link is open, and not after its end.
OF_PAYMENTS: Final[Mapping[str, PublicEvent]] = MappingProxyType(
    {
        "payment_started": PublicEvent.PAYMENT_STARTED,
        "payment_resumed": PublicEvent.PAYMENT_STARTED,
        "payment_interrupted": PublicEvent.PAYMENT_FAILED,
        "payment_declined": PublicEvent.PAYMENT_FAILED,
        "checkout_refused": PublicEvent.PAYMENT_FAILED,
        "attempt_failed": PublicEvent.PAYMENT_FAILED,
        "attempt_expired": PublicEvent.PAYMENT_FAILED,
        "attempt_canceled": PublicEvent.PAYMENT_FAILED,
    }
)


@dataclass(frozen=True)
class Transaction:
    """The money that pays for the order, as its provider names it."""

    reference: str
    provider: str
    money: Money


@dataclass(frozen=True)
class LinkNews:
    """How a link stands; see `docs/api.md` for what programs read of it."""

    public_id: uuid.UUID
    code: str
    version: int
    state: LinkState
    last_event: PublicEvent
    last_event_at: datetime
    # The provider at which it is, or was last, paid.
    provider: str | None
    transaction: Transaction | None
    expires_at: datetime
    updated_at: datetime
    # The attempt that could still be paid, if there is one.
    in_flight: str | None
    # The merchant's own websites, whose scripts may read this.
    sites: tuple[str, ...]
    # When it is worth asking again; None where nothing is expected any more.
    poll_after_s: float | None

    @property
    def is_expired(self) -> bool:
        """Whether it has ended without payment because its time was over."""
        return self.state is LinkState.EXPIRED


def get(name: str, *, merchant: Merchant | None = None) -> LinkNews:
    """Return how a link stands; changes no row.

    Args:
        name: its public id or its code, in either case.
        merchant: who asks, where that is known: then only their own links are there, DRAFTs among
            them.

    Raises:
        NotFoundError: there is no such link, or it is a DRAFT.
    """
    last, attempt, whole = _last_event(), _attempt(), _whole_version()
    now = func.clock_timestamp()
    paid_at = ProviderAccount.__table__.alias("paid_at")
    query = (
        select(
            PaymentLink.public_id,
            PaymentLink.code,
            PaymentLink.version,
            PaymentLink.state,
            PaymentLink.expires_at,
            PaymentLink.closing_for,
            Merchant.sites,
            last.c.name.label("event"),
            last.c.happened_at.label("event_at"),
            whole.c.happened_at.label("updated_at"),
            attempt.c.reference.label("attempt"),
            attempt.c.state.label("attempt_state"),
            func.extract("epoch", now - attempt.c.since).label("waiting_s"),
            attempt.c.may_still_be_paid,
            attempt.c.provider.label("attempted_at"),
            paid_at.c.provider.label("paid_at"),
            Capture.payment_reference,
            Capture.amount_minor,
            Capture.currency,
        )
        .join(Merchant, Merchant.id == PaymentLink.merchant_id)
        .join(last, true())
        .join(whole, true())
        .join(attempt, true(), isouter=True)
        .join(Capture, _pays(), isouter=True)
        .join(paid_at, paid_at.c.id == Capture.provider_account_id, isouter=True)
        .where(_goes_by(name))
    )
    mine = (
        PaymentLink.state != LinkState.DRAFT
        if merchant is None
        else PaymentLink.merchant_id == merchant.id
    )
    row = db.session.execute(query.where(mine)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such link")
    is_in_flight = row.state is LinkState.OPEN and row.attempt_state in MAY_HOLD_MONEY
    paid = row.payment_reference is not None
    return LinkNews(
        public_id=row.public_id,
        code=row.code,
        version=row.version,
        state=row.state,
        last_event=PublicEvent(row.event),
        last_event_at=row.event_at,
        provider=row.paid_at or row.attempted_at,
        transaction=(
            Transaction(row.payment_reference, row.paid_at, Money(row.amount_minor, row.currency))
            if paid
            else None
        ),
        expires_at=row.expires_at,
        updated_at=row.updated_at,
        in_flight=row.attempt if is_in_flight else None,
        sites=tuple(row.sites),
        poll_after_s=pace.ask_again_after(
            row.state,
            waiting_s=float(row.waiting_s) if is_in_flight else None,
            is_closing=row.closing_for is not None,
            may_still_be_paid=bool(row.may_still_be_paid),
            values=settings,
        ),
    )


def sites(name: str) -> tuple[str, ...]:
    """Return the websites of the merchant whose link this is; none where there is no such link."""
    query = (
        select(Merchant.sites)
        .join(PaymentLink, PaymentLink.merchant_id == Merchant.id)
        .where(PaymentLink.state != LinkState.DRAFT)
    )
    try:
        found = db.session.scalar(query.where(_goes_by(name)))
    except NotFoundError:
        return ()
    return tuple(found or ())


def _goes_by(name: str) -> ColumnElement[bool]:
    code = references.clean_link_code(name)
    if code is not None:
        return PaymentLink.code == code
    try:
        return PaymentLink.public_id == uuid.UUID(name)
    except ValueError:
        raise NotFoundError("there is no such link") from None


def _last_event() -> LateralFromClause:
    """Find the newest step that has a word for programs."""
    words = {**OF_LINK, **OF_PAYMENTS}
    is_links = and_(
        PaymentEvent.subject == PaymentLink.reference, PaymentEvent.name.in_(sorted(OF_LINK))
    )
    is_payments = and_(
        PaymentLink.state == LinkState.OPEN, PaymentEvent.name.in_(sorted(OF_PAYMENTS))
    )
    return (
        select(
            case({name: literal(word.value) for name, word in words.items()},
                 value=PaymentEvent.name).label("name"),
            PaymentEvent.happened_at,
        )
        .where(PaymentEvent.link_id == PaymentLink.id, or_(is_links, is_payments))
        .order_by(PaymentEvent.version.desc())
        .limit(1)
        .lateral("last_event")
    )  # fmt: skip


def _whole_version() -> LateralFromClause:
    """Find the newest step of all: every visible change leaves one."""
    return (
        select(PaymentEvent.happened_at)
        .where(PaymentEvent.link_id == PaymentLink.id)
        .order_by(PaymentEvent.version.desc())
        .limit(1)
        .lateral("newest_event")
    )


def _attempt() -> LateralFromClause:
    return (
        select(
            PaymentAttempt.reference,
            PaymentAttempt.state,
            statuses.may_still_be_paid().label("may_still_be_paid"),
            waits.since().label("since"),
            ProviderAccount.provider,
        )
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(PaymentAttempt.link_id == PaymentLink.id, PaymentAttempt.is_current)
        .lateral("attempt")
    )


def _pays() -> ColumnElement[bool]:
    return and_(Capture.link_id == PaymentLink.id, Capture.state == CaptureState.FULFILS)
