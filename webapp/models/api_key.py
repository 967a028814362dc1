"""A merchant's key for programs: shown once when it is made, stored as a hash."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Base
from webapp.models.columns import made_at
from webapp.models.merchant import Merchant


class ApiKey(Base):
    """Whoever holds it speaks for the merchant. Its prefix is no secret and names it."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"), index=True)
    # What the merchant calls it: the program that uses it.
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    # SHA-256 of the whole key: 256 random bits need no slow hash.
    key_hash: Mapped[str]
    # Who made it, for the desk; by the command line nobody.
    made_by: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()
    # To the minute: not every request writes.
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    merchant: Mapped[Merchant] = relationship()
