"""Dossiers: everything that is known of one link, for the merchant whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from webapp.core.states import MAY_HOLD_MONEY, AttentionState, CaptureState, LinkState
from webapp.domain.desk import users
from webapp.domain.payments import links, refunds, trails
from webapp.extensions import db
from webapp.models import (
    AttentionItem,
    Capture,
    EmailMessage,
    Merchant,
    PaymentAttempt,
    PaymentEvent,
    PaymentLink,
    Refund,
)


@dataclass(frozen=True)
class Dossier:
    """A link with its rows, each kind the oldest first; `users` names those who may act."""

    link: PaymentLink
    attempts: tuple[PaymentAttempt, ...]
    captures: tuple[Capture, ...]
    refunds: tuple[Refund, ...]
    messages: tuple[EmailMessage, ...]
    open_items: tuple[AttentionItem, ...]
    trail: tuple[PaymentEvent, ...]
    users: Mapping[int, str]

    @property
    def is_in_flight(self) -> bool:
        """Whether the current attempt could still be paid."""
        return self.link.state is LinkState.OPEN and any(
            attempt.is_current and attempt.state in MAY_HOLD_MONEY for attempt in self.attempts
        )

    @property
    def is_sending(self) -> bool:
        """Whether one of its emails is on its way."""
        return any(message.is_under_way for message in self.messages)

    @property
    def is_sending_back(self) -> bool:
        """Whether money of it may be on its way back."""
        return any(refund.state in refunds.UNDER_WAY for refund in self.refunds)

    @property
    def held(self) -> tuple[Capture, ...]:
        """The money that somebody has to decide about."""
        return tuple(capture for capture in self.captures if capture.state is CaptureState.HELD)


def of(merchant: Merchant, name: str) -> Dossier:
    """Return what is known of the merchant's link; changes no row.

    Raises:
        NotFoundError: the merchant has no such link.
    """
    link = links.get(merchant, name)
    attempts = select(PaymentAttempt).where(PaymentAttempt.link_id == link.id)
    captures = select(Capture).where(Capture.link_id == link.id)
    messages = select(EmailMessage).where(EmailMessage.link_id == link.id)
    items = select(AttentionItem).where(
        AttentionItem.link_id == link.id, AttentionItem.state == AttentionState.OPEN
    )
    return Dossier(
        link=link,
        attempts=tuple(db.session.scalars(attempts.order_by(PaymentAttempt.id))),
        captures=tuple(db.session.scalars(captures.order_by(Capture.id))),
        refunds=tuple(refunds.of_link(link)),
        messages=tuple(db.session.scalars(messages.order_by(EmailMessage.id))),
        open_items=tuple(db.session.scalars(items.order_by(AttentionItem.id))),
        trail=tuple(trails.of_link(link)),
        users=users.names(merchant),
    )
