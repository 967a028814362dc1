"""A merchant: the account that gets paid."""

from datetime import datetime

from sqlalchemy import ARRAY, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Base
from webapp.models.columns import made_at


class Merchant(Base):
    """Who sells, and how they want their buyers treated."""

    __tablename__ = "merchant"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    support_email: Mapped[str | None]
    # The IANA name of the zone in which the merchant is told all times.
    timezone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    ticket_instructions: Mapped[str | None]
    # Whether money that was taken after a link's end still buys the tickets, if there is room.
    accepts_late_payments: Mapped[bool] = mapped_column(default=True)
    # The merchant's own websites, as browsers name origins (https://shop.example): scripts there
    # may read the public status, and buyers are sent back to no other place.
    sites: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")
    # Where a buyer who cancels goes back to; at one of `sites`.
    return_url: Mapped[str | None]
    created_at: Mapped[datetime] = made_at()
