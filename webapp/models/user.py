"""A person who signs in, for a merchant or to run the deployment."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Base
from webapp.models.columns import made_at
from webapp.models.merchant import Merchant


class User(Base):
    """One person. An operator sees jobs and queues, and no merchant's buyers."""

    __tablename__ = "user_account"
    __table_args__: Any = (
        CheckConstraint("role IN ('owner', 'staff', 'scanner')", name="role"),
        CheckConstraint("(merchant_id IS NULL) = (role IS NULL)", name="role_of_a_merchant"),
        CheckConstraint("is_operator OR merchant_id IS NOT NULL", name="somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchant.id"), index=True)
    role: Mapped[str | None]
    is_operator: Mapped[bool] = mapped_column(default=False)
    # Part of what every session is bound to: a sign-out ends those that were copied too.
    sign_outs: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime] = made_at()

    merchant: Mapped[Merchant | None] = relationship()


Index("uq_user_account_email", func.lower(User.email), unique=True)
