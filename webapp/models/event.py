"""An event: the dated thing that one holds tickets for."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core import references
from webapp.extensions import Base
from webapp.models.columns import made_at


class Event(Base):
    """What, where, when, and for how many."""

    __tablename__ = "event"
    __table_args__: Any = (CheckConstraint("capacity >= 0", name="capacity"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"), index=True)
    reference: Mapped[str] = mapped_column(unique=True, default=references.event_reference)
    title: Mapped[str]
    place: Mapped[str | None]
    starts_at: Mapped[datetime]
    timezone: Mapped[str]
    # None: as many as come.
    capacity: Mapped[int | None]
    created_at: Mapped[datetime] = made_at()
