"""A merchant's connection to one payment provider. Never deleted: old attempts are read with it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.states import AccountState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.merchant import Merchant


class ProviderAccount(Base):
    """One account at one provider; its secrets are encrypted."""

    __tablename__ = "provider_account"
    __table_args__: Any = (UniqueConstraint("merchant_id", "provider", "external_account"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"))
    provider: Mapped[str]
    # The account's own name at the provider: every answer must carry it.
    external_account: Mapped[str]
    is_live: Mapped[bool]
    credentials: Mapped[bytes]
    # The unguessable part of the address at which this account's notices arrive.
    hook_token: Mapped[str] = mapped_column(unique=True)
    state: Mapped[AccountState] = state_column(AccountState, AccountState.ACTIVE)
    created_at: Mapped[datetime] = made_at()

    merchant: Mapped[Merchant] = relationship()
