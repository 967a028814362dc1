"""What the outside reads of a state: a stable word, and a sentence for people.

Inside we say `state`; these are the only words that pages and the API use for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from webapp.core.states import LinkState, SessionState


@dataclass(frozen=True)
class PublicStatus:
    """A stable code for programs and a sentence for people."""

    code: str
    sentence: str


LINK_STATUS: Final[Mapping[LinkState, PublicStatus]] = MappingProxyType(
    {
        LinkState.DRAFT: PublicStatus("DRAFT", "Not open for payment yet"),
        LinkState.OPEN: PublicStatus("OPEN", "Awaiting payment"),
        LinkState.PAID: PublicStatus("PAID", "Paid"),
        LinkState.REVIEW: PublicStatus("REVIEW", "Payment received, being checked"),
        LinkState.EXPIRED: PublicStatus("EXPIRED", "Expired without payment"),
        LinkState.CANCELED: PublicStatus("CANCELED", "Canceled"),
        LinkState.REFUNDED: PublicStatus("REFUNDED", "Refunded"),
    }
)

# As inside, but for one word: programs asked for "CANCELLED".
SESSION_STATUS: Final[Mapping[SessionState, str]] = MappingProxyType(
    {state: state.value for state in SessionState} | {SessionState.CANCELED: "CANCELLED"}
)


def order_status(state: LinkState, *, may_hold_money: bool, last_attempt_failed: bool) -> str:
    """Return the order's word for merchants and filters. It is derived, never stored.

    One of `pending_verification`, `completed`, `failed`, `expired`, `requires_manual_review`; a
    link that nobody has tried to pay yet is `open`, and one the merchant ended is `canceled`.
    """
    match state:
        case LinkState.OPEN if may_hold_money:
            return "pending_verification"
        case LinkState.PAID:
            return "completed"
        case LinkState.REVIEW:
            return "requires_manual_review"
        case LinkState.OPEN | LinkState.EXPIRED if last_attempt_failed:
            return "failed"
        case _:
            return state.value.lower()
