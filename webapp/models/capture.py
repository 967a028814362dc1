"""A capture: money that a provider says it took; and refunds, money sent back for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import references
from webapp.core.money import Money
from webapp.core.states import CaptureState, RefundState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_attempt import PaymentAttempt
from webapp.models.payment_link import PaymentLink


class Capture(Base):
    """It ends as a ticket, a refund or an attention item: law 3."""

    __tablename__ = "capture"
    __table_args__: Any = (
        # The same money can be told a thousand times and is written down once.
        UniqueConstraint("provider_account_id", "payment_reference"),
        CheckConstraint("amount_minor >= 0", name="amount"),
        Index(
            "uq_capture_fulfils",
            "link_id",
            unique=True,
            postgresql_where=text("state = 'FULFILS'"),
        ),
        CheckConstraint(
            "(look_lease_token IS NULL) = (look_lease_until IS NULL)", name="look_lease"
        ),
        Index(
            "ix_capture_look",
            "next_look_at",
            postgresql_where=text("next_look_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("payment_attempt.id"), index=True)
    provider_account_id: Mapped[int] = mapped_column(ForeignKey("provider_account.id"))
    payment_reference: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    paid_at: Mapped[datetime | None]
    state: Mapped[CaptureState] = state_column(CaptureState, CaptureState.HELD)
    created_at: Mapped[datetime] = made_at()

    # When the provider is next asked whether it sent the money back; None means never again.
    next_look_at: Mapped[datetime | None]
    look_lease_token: Mapped[str | None]
    look_lease_until: Mapped[datetime | None]

    link: Mapped[PaymentLink] = relationship()
    attempt: Mapped[PaymentAttempt] = relationship()

    @property
    def money(self) -> Money:
        """How much was taken."""
        return Money(self.amount_minor, self.currency)

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link

    @property
    def subject(self) -> str:
        """How the audit trail and attention items name this row."""
        return f"{self.attempt.reference}/{self.payment_reference}"


class Refund(Base):
    """One sending back of one capture's money, in part or in full."""

    __tablename__ = "refund"
    __table_args__: Any = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
        Index(
            "ix_refund_due",
            "next_step_at",
            postgresql_where=text("next_step_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Its name, and the provider's key for it where the provider takes one.
    reference: Mapped[str] = mapped_column(unique=True, default=references.refund_reference)
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[RefundState] = state_column(RefundState, RefundState.REQUESTED)
    requested_by: Mapped[str]
    reason: Mapped[str]
    provider_reference: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()
    # Committed before the provider is asked: from here on, no news is UNKNOWN.
    asked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_answer: Mapped[str | None]

    # When it is sent, or read back, next; None once it has ended.
    next_step_at: Mapped[datetime | None]
    steps: Mapped[int] = mapped_column(default=0)
    # What the provider's books held of this payment before it was asked: none of it is this one.
    known_before: Mapped[list[str] | None] = mapped_column(JSONB)
    # How often it was sent; and how often in a row the books were read and did not have it.
    asks: Mapped[int] = mapped_column(default=0)
    missing_count: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]

    capture: Mapped[Capture] = relationship()

    @property
    def money(self) -> Money:
        """How much is sent back."""
        return Money(self.amount_minor, self.currency)

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.capture.link

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.reference
