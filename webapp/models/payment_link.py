"""A payment link: one amount that one buyer owes; and its audit trail."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    Uuid,
    func,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import references
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.event import Event
from webapp.models.merchant import Merchant
from webapp.models.provider_account import ProviderAccount


class PaymentLink(Base):
    """Amount, currency, account and tickets are frozen once it is OPEN."""

    __tablename__ = "payment_link"
    __table_args__: Any = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("ticket_count BETWEEN 0 AND 100", name="ticket_count"),
        CheckConstraint("seats_held IN (0, ticket_count)", name="seats_held"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("source IN ('desk', 'shop')", name="source"),
        CheckConstraint("closing_for IN ('expiry', 'cancel', 'retry')", name="closing_for"),
        CheckConstraint(
            "(closing_for IS NULL) = (closing_since IS NULL)"
            " AND (closing_for IS NULL) = (closing_due_at IS NULL)",
            name="closing_together",
        ),
        CheckConstraint(
            "(state IN ('EXPIRED', 'CANCELED')) <= (ended_at IS NOT NULL)", name="ended_at"
        ),
        CheckConstraint("(state IN ('PAID', 'REFUNDED')) <= (paid_at IS NOT NULL)", name="paid_at"),
        UniqueConstraint("merchant_id", "form_id"),
        # What the set-based expiry looks for, and what closing has to do.
        Index("ix_payment_link_open", "expires_at", postgresql_where=text("state = 'OPEN'")),
        Index(
            "ix_payment_link_closing",
            "closing_due_at",
            postgresql_where=text("closing_for IS NOT NULL"),
        ),
        Index("ix_payment_link_seats", "event_id", postgresql_where=text("seats_held > 0")),
        Index("ix_payment_link_merchant", "merchant_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True, default=uuid.uuid4)
    code: Mapped[str] = mapped_column(unique=True, default=references.link_code)
    reference: Mapped[str] = mapped_column(unique=True, default=references.order_reference)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"))
    provider_account_id: Mapped[int] = mapped_column(ForeignKey("provider_account.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    # The form that it was made with at the desk: pressed twice, it makes one link.
    form_id: Mapped[str | None]
    # What the form said: sent again with other content, it must not be dropped silently.
    form_digest: Mapped[str | None]

    # Where it was made: at the desk, or by a buyer on an event's page, which holds places shortly.
    source: Mapped[str] = mapped_column(default="desk", server_default="desk")

    title: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    ticket_count: Mapped[int] = mapped_column(default=0)
    buyer_email: Mapped[str | None]
    buyer_name: Mapped[str | None]

    state: Mapped[LinkState] = state_column(LinkState, LinkState.DRAFT)
    # Rises with every change that somebody looking at the link would want to know.
    version: Mapped[int] = mapped_column(default=1)
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = made_at()

    # An attempt exists that could still be paid. The set-based expiry tests this column, because
    # PostgreSQL re-checks a locked row's own columns and no sub-select on attempts.
    may_hold_money: Mapped[bool] = mapped_column(default=False)
    # Places at the event that nobody else can have while this link holds them.
    seats_held: Mapped[int] = mapped_column(default=0)

    # Closing is a step: no new attempt begins while it is marked, and a worker ends it.
    closing_for: Mapped[str | None]
    closing_since: Mapped[datetime | None]
    closing_due_at: Mapped[datetime | None]
    closing_failures: Mapped[int] = mapped_column(default=0)
    closing_lease_token: Mapped[str | None]

    merchant: Mapped[Merchant] = relationship()
    provider_account: Mapped[ProviderAccount] = relationship()
    event: Mapped[Event | None] = relationship()

    @property
    def money(self) -> Money:
        """What the buyer owes."""
        return Money(self.amount_minor, self.currency)

    @classmethod
    def goes_by(cls, name: str) -> ColumnElement[bool]:
        """Whether a person means this link: by its reference, or its code in either case."""
        return or_(cls.reference == name, cls.code == name.upper())

    @property
    def trail(self) -> "PaymentLink":
        """The link whose audit trail tells of this row: itself."""
        return self

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.reference


class PaymentEvent(Base):
    """One row of a link's audit trail; its name is in the past tense."""

    __tablename__ = "payment_event"
    __table_args__: Any = (
        # Every visible change raises the version by one and leaves one row: no gap, no double.
        UniqueConstraint("link_id", "version"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"))
    version: Mapped[int]
    name: Mapped[str]
    actor: Mapped[str]
    subject: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
