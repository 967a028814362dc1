"""A provider's notice: an inbound webhook after authentication, kept as a hint to read."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Base
from webapp.models.columns import made_at


class ProviderNotice(Base):
    """Stored once, however often it is sent. Its body is not kept: it decides nothing."""

    __tablename__ = "provider_notice"
    __table_args__: Any = (UniqueConstraint("provider_account_id", "dedupe_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_account_id: Mapped[int] = mapped_column(ForeignKey("provider_account.id"))
    dedupe_key: Mapped[str]
    kind: Mapped[str]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("payment_attempt.id"), index=True)
    received_at: Mapped[datetime] = made_at()
