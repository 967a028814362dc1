"""An alert: something that the operator or the merchant is told once, however often it is seen."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

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
