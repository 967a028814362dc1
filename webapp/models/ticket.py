"""A ticket: one admission; and the document that a link's tickets are printed on."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.states import TicketState
from webapp.extensions import Base
from webapp.models.columns import made_at, state_column
from webapp.models.payment_link import PaymentLink


class Ticket(Base):
    """Issued once, checked in once."""

    __tablename__ = "ticket"
    __table_args__: Any = (
        UniqueConstraint("link_id", "number"),
        CheckConstraint("number >= 1", name="number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"), index=True)
    number: Mapped[int]
    serial: Mapped[str] = mapped_column(unique=True)
    # The signed text of the QR code, kept so that a later key changes no printed ticket.
    code: Mapped[str]
    state: Mapped[TicketState] = state_column(TicketState, TicketState.ISSUED)
    issued_at: Mapped[datetime] = made_at()
    checked_in_at: Mapped[datetime | None]

    link: Mapped[PaymentLink] = relationship()

    @property
    def trail(self) -> PaymentLink:
        """The link whose audit trail tells of this row."""
        return self.link

    @property
    def subject(self) -> str:
        """How the audit trail names this row."""
        return self.serial


class TicketDocument(Base):
    """One PDF per link. It lives in the database because dynos share no disk."""

    __tablename__ = "ticket_document"

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("payment_link.id"), unique=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = made_at()
