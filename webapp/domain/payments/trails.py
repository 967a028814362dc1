"""Trails: what happened to a link, in order."""

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import PaymentEvent, PaymentLink


def of_link(link: PaymentLink) -> list[PaymentEvent]:
    """Return a link's audit trail, the oldest first."""
    query = select(PaymentEvent).where(PaymentEvent.link_id == link.id)
    return list(db.session.scalars(query.order_by(PaymentEvent.version)))
