"""An attention item: money or a message that needs an end."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.states import AttentionState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_link import PaymentLink

KINDS = (
    "stuck",
    "mismatch",
    "late",
    "surplus",
    "reversed",
    "refund_failed",
    "refund_unknown",
    "unverified",
    "email_failed",
    "message_doubtful",
)


class AttentionItem(Base):
    """Open at most once per kind and subject; ended by somebody or something, and audited."""

    __tablename__ = "attention_item"
    __table_args__: Any = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in KINDS)})", name="kind"),
        CheckConstraint(
            "(state = 'ENDED') = (ended_at IS NOT NULL)"
            " AND (ended_at IS NULL) = (ended_by IS NULL)",
            name="ended",
        ),
        Index(
            "uq_attention_item_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("state = 'OPEN'"),
        ),
        Index("ix_attention_item_merchant", "merchant_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"))
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), index=True)
    kind: Mapped[str]
    # What it is about: an order's, an attempt's, a capture's or a message's reference.
    subject: Mapped[str]
    # What was seen. The same sight does not open the item again after somebody ended it.
    sight: Mapped[str]
    sentence: Mapped[str]
    state: Mapped[AttentionState] = state_column(AttentionState, AttentionState.OPEN)
    raised_at: Mapped[datetime] = made_at()
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    end_reason: Mapped[str | None]

    link: Mapped[PaymentLink] = relationship()

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link
