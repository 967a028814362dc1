"""What the desk says of money: what was taken, and what went back of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from webapp.core.money import Money
from webapp.core.states import RefundState
from webapp.domain.desk.dossiers import Dossier
from webapp.domain.payments import refunds
from webapp.models import Capture, Refund


@dataclass(frozen=True)
class SentBack:
    """Money on its way back, or back already."""

    money: Money
    state: str
    reference: str
    reason: str
    at: datetime

    @classmethod
    def of(cls, refund: Refund) -> Self:
        """Say how one refund stands."""
        return cls(
            money=refund.money,
            state=f"REFUND_{refund.state.value}",
            reference=refund.reference,
            reason=refund.reason,
            at=refund.ended_at or refund.created_at,
        )


@dataclass(frozen=True)
class Taken:
    """Money that the provider took, what became of it, and what went back of it."""

    money: Money
    state: str
    reference: str
    at: datetime
    left: Money
    sent_back: tuple[SentBack, ...]
    offers_refund: bool
    # Where the provider sends nothing back for us, what was done there by hand is noted.
    offers_note: bool

    @classmethod
    def of(cls, capture: Capture, dossier: Dossier) -> Self:
        """Say what is known of the money."""
        sent = [one for one in dossier.refunds if one.capture_id == capture.id]
        gone = sum(one.amount_minor for one in sent if one.state is not RefundState.FAILED)
        is_possible = refunds.is_possible_at(capture.attempt.provider_account.provider)
        has_left = gone < capture.amount_minor and not any(
            one.state in refunds.UNDER_WAY for one in sent
        )
        return cls(
            money=capture.money,
            state=capture.state.value,
            reference=capture.payment_reference,
            at=capture.paid_at or capture.created_at,
            left=Money(max(capture.amount_minor - gone, 0), capture.currency),
            sent_back=tuple(map(SentBack.of, sent)),
            offers_refund=has_left and is_possible,
            offers_note=has_left and not is_possible,
        )
