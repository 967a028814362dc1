"""A merchant's connection to one payment provider. Never deleted: old attempts are read with it."""

from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.states import AccountState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.merchant import Merchant


class ProviderAccount(Base):
    """One account at one provider; its secrets are encrypted."""

    __tablename__ = "provider_account"
    __table_args__: Any = (
        UniqueConstraint("merchant_id", "provider", "external_account"),
        CheckConstraint(
            "(refresh_lease_token IS NULL) = (refresh_lease_until IS NULL)", name="refresh_lease"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchant.id"))
    provider: Mapped[str]
    # The account's own name at the provider: every answer must carry it.
    external_account: Mapped[str]
    is_live: Mapped[bool]
    credentials: Mapped[bytes]
    # What differs between accounts and is no secret, such as the paths of a billing service.
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    # The unguessable part of the address at which this account's notices arrive.
    hook_token: Mapped[str] = mapped_column(unique=True)
    state: Mapped[AccountState] = state_column(AccountState, AccountState.ACTIVE)
    created_at: Mapped[datetime] = made_at()

    # When the merchant said that new links are paid to this account: the last word counts.
    chosen_at: Mapped[datetime | None]

    # The breaker: while it rests, an account that gave no answers is asked by few.
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    failing_since: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]
    last_failure: Mapped[str | None]

    # Leave by OAuth: until when the access token is good, and who is renewing it.
    token_expires_at: Mapped[datetime | None]
    refresh_lease_token: Mapped[str | None]
    refresh_lease_until: Mapped[datetime | None]
    # Set when the provider wants the merchant's consent anew.
    consent_lost_at: Mapped[datetime | None]

    merchant: Mapped[Merchant] = relationship()

    @property
    def takes_payments(self) -> bool:
        """Whether new checkouts can be made there."""
        return self.state is AccountState.ACTIVE and self.consent_lost_at is None

    @property
    def subject(self) -> str:
        """How alerts and logs name this row."""
        return f"account-{self.id}"

    @property
    def trail(self) -> NoReturn:
        """Nowhere: an account belongs to no link, and none of its edges is visible."""
        raise TypeError("an account belongs to no link")
