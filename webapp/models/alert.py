"""An alert: something that the operator or the merchant is told once, however often it is seen."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Base
from webapp.models.columns import made_at


class Alert(Base):
    """One matter; `times` counts how often it came up before somebody ended it."""

    __tablename__ = "alert"
    __table_args__: Any = (
        CheckConstraint("severity IN ('alert', 'critical')", name="severity"),
        Index(
            "uq_alert_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchant.id"), index=True)
    severity: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    headline: Mapped[str]
    body: Mapped[str]
    times: Mapped[int] = mapped_column(default=1)
    raised_at: Mapped[datetime] = made_at()
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    # Why, where a person ended it; None where what it told of was over by itself.
    end_reason: Mapped[str | None]


class AlertMail(Base):
    """An alert on its way to one address. Twice is no harm here, and never is."""

    __tablename__ = "alert_mail"
    __table_args__: Any = (
        UniqueConstraint("alert_id", "to_address"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
        Index("ix_alert_mail_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"))
    to_address: Mapped[str]
    # None once it was sent, or given up.
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()

    alert: Mapped[Alert] = relationship()
