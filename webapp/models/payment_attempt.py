"""A payment attempt: one checkout opened at one provider."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import references
from webapp.core.money import Money
from webapp.core.states import AttemptState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_link import PaymentLink
from webapp.models.payment_session import PaymentSession
from webapp.models.provider_account import ProviderAccount


class PaymentAttempt(Base):
    """Its reference is the provider's reference and idempotency key, and the name in the logs."""

    __tablename__ = "payment_attempt"
    __table_args__: Any = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("char_length(reference) <= 64", name="reference"),
        CheckConstraint(
            "(check_lease_token IS NULL) = (check_lease_until IS NULL)", name="check_lease"
        ),
        Index(
            "uq_payment_attempt_current",
            "link_id",
            unique=True,
            postgresql_where=text("is_current"),
        ),
        Index(
            "uq_payment_attempt_checkout",
            "provider_account_id",
            "checkout_id",
            unique=True,
            postgresql_where=text("checkout_id IS NOT NULL"),
        ),
        Index(
            "ix_payment_attempt_due",
            "next_check_at",
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
        Index(
            "ix_payment_attempt_in_flight",
            "watch_until",
            postgresql_where=text("state IN ('CREATED', 'PENDING')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True, default=references.attempt_reference)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("payment_session.id"), index=True)
    provider_account_id: Mapped[int] = mapped_column(ForeignKey("provider_account.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[AttemptState] = state_column(AttemptState, AttemptState.CREATED)
    # At most one per link: what the buyer's pages are about. Others are only watched.
    is_current: Mapped[bool] = mapped_column(default=True)
    # The how many-th of its session it is, counted from 1; what takes the place of a checkout whose
    # address was lost has the number of that one.
    number: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    # How often the provider was asked for the checkout.
    start_tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))

    # What the provider was asked for, word for word, stored before it was sent.
    request: Mapped[dict[str, Any]]
    checkout_id: Mapped[str | None]
    checkout_url: Mapped[str | None]
    # The provider's name for the order behind the checkout, where it has one (billing).
    order_id: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()
    # When the buyer's browser came back from the provider: it proves nothing and sets the pace.
    returned_at: Mapped[datetime | None]
    # The provider says that the last try failed; where that can still turn into "paid", it is
    # a fact and not the attempt's end.
    declined_at: Mapped[datetime | None]

    # Read until then, current or not; None in `next_check_at` means never again.
    watch_until: Mapped[datetime]
    next_check_at: Mapped[datetime | None]
    # Somebody waits for the next read: a notice, a page or the merchant asked for it.
    asked_at: Mapped[datetime | None]
    check_lease_token: Mapped[str | None]
    check_lease_until: Mapped[datetime | None]
    last_read_at: Mapped[datetime | None]
    last_read: Mapped[str | None]
    unreadable_count: Mapped[int] = mapped_column(default=0)
    missing_count: Mapped[int] = mapped_column(default=0)

    link: Mapped[PaymentLink] = relationship()
    session: Mapped[PaymentSession] = relationship()
    provider_account: Mapped[ProviderAccount] = relationship()

    @property
    def money(self) -> Money:
        """What the provider was asked to take."""
        return Money(self.amount_minor, self.currency)

    @property
    def name_there(self) -> str:
        """What the provider calls it: our reference, or another one where it was made elsewhere.

        Empty where it was made elsewhere, and the provider has not said it.
        """
        name: str = self.request["reference"]
        return name

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.reference
