"""An email message: a promise to send, queued with the commit that made it true."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, and_, or_, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import references
from webapp.core.states import EmailState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_link import PaymentLink

_TO_BE_SENT: Final = (EmailState.QUEUED, EmailState.SENDING)


class EmailMessage(Base):
    """Sent after the commit, visible with its state, repeated only from doubt."""

    __tablename__ = "email_message"
    __table_args__: Any = (
        CheckConstraint("(state = 'SENDING') = (lease_token IS NOT NULL)", name="lease"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_together"),
        Index(
            "ix_email_message_due",
            "due_at",
            postgresql_where=text("state IN ('QUEUED', 'SENDING', 'DOUBTFUL')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # The left half of the Message-ID: a repeat carries the same one.
    reference: Mapped[str] = mapped_column(unique=True, default=references.message_reference)
    # What it is about, so that the same promise cannot be made twice.
    promise: Mapped[str] = mapped_column(unique=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), index=True)
    # The folder under templates/emails/.
    template: Mapped[str]
    to_address: Mapped[str]
    state: Mapped[EmailState] = state_column(EmailState, EmailState.QUEUED)
    due_at: Mapped[datetime] = made_at()
    tries: Mapped[int] = mapped_column(default=0)
    # Repeats after doubt: at most one.
    repeats: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    # Committed before the server is given the message: from here on, no news is doubt.
    handing_over_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()

    link: Mapped[PaymentLink] = relationship()

    @hybrid_property
    def is_under_way(self) -> bool:
        """Whether it is still to be sent by itself; a doubtful one is sent once more, and no more.

        For one row and in a query alike.
        """
        is_repeated = self.state is EmailState.DOUBTFUL and self.repeats == 0
        return is_repeated or self.state in _TO_BE_SENT

    @is_under_way.inplace.expression
    @classmethod
    def _is_under_way(cls) -> ColumnElement[bool]:
        is_repeated = and_(cls.state == EmailState.DOUBTFUL, cls.repeats == 0)
        return or_(is_repeated, cls.state.in_(_TO_BE_SENT))

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.reference
