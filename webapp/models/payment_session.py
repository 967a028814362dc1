"""A payment session: one buyer's sitting at a link."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.states import SESSION_OPEN, SessionState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_link import PaymentLink

_OPEN = ", ".join(f"'{state}'" for state in sorted(SESSION_OPEN))


class PaymentSession(Base):
    """15 minutes and at most 3 attempts, bound to one browser by a cookie."""

    __tablename__ = "payment_session"
    __table_args__: Any = (
        CheckConstraint("attempt_count >= 0", name="attempt_count"),
        Index(
            "uq_payment_session_open",
            "link_id",
            "token_hash",
            unique=True,
            postgresql_where=text(f"state IN ({_OPEN})"),
        ),
        Index("ix_payment_session_due", "expires_at", postgresql_where=text(f"state IN ({_OPEN})")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Derived from the token in the buyer's cookie: the page shows it before this row is there.
    reference: Mapped[str] = mapped_column(unique=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), index=True)
    # SHA-256 of the token in the buyer's cookie: whoever reads this table cannot use it.
    token_hash: Mapped[str]
    state: Mapped[SessionState] = state_column(SessionState, SessionState.INITIATED)
    # Where this buyer wants the tickets, if the link does not say it.
    buyer_email: Mapped[str | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    # Why it was interrupted: `timeout`, `network` or `declined`.
    interruption: Mapped[str | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = made_at()

    link: Mapped[PaymentLink] = relationship()

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.reference
