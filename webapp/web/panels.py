"""The whole vocabulary of the buyer's status fragment: whoever has the code sees the same."""

from dataclasses import dataclass
from typing import Self

from webapp.core.public_status import LINK_STATUS
from webapp.core.states import LinkState
from webapp.domain.payments.status import Deliveries, LinkStatus
from webapp.extensions import settings
from webapp.web import offers, open_words
from webapp.web.pages import PageName


@dataclass(frozen=True)
class StatusPanel:
    """Everything checkout/_status.html may use, and nothing else.

    `lines` are sentences; the first says what is, the others what happens next or what to do.
    `tone` is the colour and the sign of it all: busy, success, warning or neutral. `offers` are the
    names of what the page around shows meanwhile.
    """

    status: str
    headline: str
    lines: tuple[str, ...]
    tone: str
    is_in_flight: bool
    offers: tuple[str, ...]
    offers_bank: bool
    has_left_bank: bool
    offers_pay: bool

    @classmethod
    def of(cls, status: LinkStatus, deliveries: Deliveries | None, page: PageName) -> Self:
        """Say what a page says of this state."""
        attempt = status.attempt
        offers_bank = status.can_go_on and attempt is not None and attempt.has_url
        headline, lines = _words(status, deliveries, page)
        return cls(
            status=LINK_STATUS[status.state].code,
            headline=headline,
            lines=lines,
            tone=_tone(status),
            is_in_flight=status.is_in_flight,
            offers=(*((offers.FINISH,) if status.can_go_on else ()), *offers.of(status, settings)),
            offers_bank=offers_bank,
            has_left_bank=offers_bank and attempt is not None and attempt.has_returned,
            offers_pay=status.is_payable and page is PageName.EXPIRED,
        )


def _tone(status: LinkStatus) -> str:
    attempt = status.attempt
    match status.state:
        case LinkState.PAID:
            return "success"
        case LinkState.REVIEW:
            return "warning"
        case _ if status.is_unverified or status.was_dismissed:
            return "warning"
        case LinkState.OPEN if status.closing_for is not None:
            return "busy"
        case LinkState.OPEN if status.is_in_flight:
            is_wrong = offers.is_interrupted(status) or offers.is_stranded(status, settings)
            return "warning" if is_wrong or not status.can_go_on else "busy"
        case LinkState.OPEN if attempt is not None:
            return "warning"
        case _:
            return "neutral"


def _words(
    status: LinkStatus, deliveries: Deliveries | None, page: PageName
) -> tuple[str, tuple[str, ...]]:
    match status.state:
        case LinkState.PAID:
            return "Paid", _promises(deliveries)
        case LinkState.REVIEW:
            return (
                "Payment received, being checked",
                (
                    "Somebody at the shop looks at it now. Please do not pay again.",
                    "This page tells you how they decide.",
                ),
            )
        case LinkState.EXPIRED | LinkState.CANCELED:
            return _ended(status)
        case LinkState.REFUNDED:
            return "Refunded", ("Your money is on its way back to you.",)
        case _:
            return open_words.of(status, page)


def _ended(status: LinkStatus) -> tuple[str, tuple[str, ...]]:
    """Say that a link has ended unpaid; what is not certain about that comes first."""
    if status.is_unverified:
        return "We could not find out whether this was paid", (
            "The bank did not answer us until the end. Please do not pay again.",
            "If you were charged, write to the shop: it knows of this.",
        )
    if status.was_dismissed:
        return "The shop did not accept this payment", (
            "Your money is still with its payment provider: ask the shop to send it back.",
        )
    is_expired = status.state is LinkState.EXPIRED
    said = "This link has expired" if is_expired else "This link was canceled"
    if offers.may_be_paid_late(status):
        return said, (
            "It cannot be paid any more.",
            "If you have just paid, wait: this page shows it. Please do not pay again.",
        )
    if is_expired:
        return said, ("No payment reached us before its end. Ask the shop for a new link.",)
    return said, ("It cannot be paid any more.",)


def _promises(deliveries: Deliveries | None) -> tuple[str, ...]:
    if deliveries is None:
        return ()
    made = {0: "", 1: "1 ticket made"}.get(deliveries.tickets, f"{deliveries.tickets} tickets made")
    of_email = f"{made} · " if made else "Receipt: "
    if deliveries.emails_waiting:
        return (f"{of_email}email on its way",)
    if deliveries.emails_sent:
        return (f"{of_email}email delivered",)
    if deliveries.emails_doubtful:
        return (
            f"{of_email}the email was sent, and may not have arrived",
            "Look in your spam folder; the shop can send it again.",
        )
    if deliveries.emails_failed:
        return (f"{of_email}the email could not be delivered", "The shop knows and will help you.")
    return (made,) if made else ()
