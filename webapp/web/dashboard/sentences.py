"""The audit trail in plain words: a sentence for every name, a word for every actor."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webapp.models import PaymentEvent

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "link_made": "The link was made",
        "link_opened": "The link was opened for payment",
        "link_canceled": "The link was canceled",
        "link_expired": "The link ended without payment",
        "payment_confirmed": "The order is paid",
        "payment_mismatched": "Not the amount that was asked for: somebody has to decide",
        "paid_late": "A payment came in after the end, and counts",
        "paid_late_unfulfilled": "A payment came in after the end: somebody has to decide",
        "review_accepted": "The payment was accepted",
        "review_dismissed": "The payment was not accepted",
        "review_refunded": "The money was sent back",
        "payment_refunded": "The payment was refunded",
        "payment_started": "A buyer began to pay",
        "payment_interrupted": "The payment was interrupted",
        "payment_resumed": "The buyer tries once more",
        "payment_declined": "The bank declined the payment",
        "retries_exhausted": "The buyer has used up all tries",
        "session_canceled": "The buyer gave up",
        "session_expired": "The buyer's sitting is over",
        "session_completed": "The buyer is done",
        "checkout_opened": "The provider opened a payment page",
        "checkout_refused": "The provider refused to open a payment page",
        "checkout_found": "The provider has the payment after all",
        "attempt_succeeded": "The provider confirms a payment",
        "attempt_failed": "The payment failed",
        "attempt_expired": "The payment page ran out",
        "attempt_canceled": "The payment page was closed",
        "closing_begun": "The provider is asked before the link ends",
        "closing_done": "Nothing is on its way any more",
        "closing_abandoned": "The link could not be closed: it stays as it was",
        "surplus_received": "Money came in that pays for nothing",
        "capture_dismissed": "Money was set aside",
        "capture_returned": "Money went back to the buyer",
        "refund_requested": "Somebody wants money sent back",
        "refund_noted": "Somebody notes that money was sent back at the provider",
        "refund_accepted": "The provider accepted the refund",
        "refund_done": "The refund is done",
        "refund_failed": "The refund failed",
        "refund_unknown": "Nobody knows yet what became of the refund",
        "ticket_checked_in": "A ticket was used",
        "check_in_undone": "A ticket can be used again",
        "ticket_voided": "A ticket was made void",
        "email_sent": "The email was handed to the mail server",
        "email_doubtful": "The email may or may not have been taken",
        "email_failed": "The email could not be delivered",
        "email_requeued": "The email is sent again",
        "email_address_corrected": "The email's address was corrected",
        "email_copy_promised": "A further copy of the email was asked for",
        "attention_raised": "Somebody has to look",
        "attention_ended": "Looked after",
    }
)

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stuck": "A payment is stuck",
        "mismatch": "Not what was asked for",
        "late": "Paid after the end",
        "surplus": "Paid more than once",
        "reversed": "Money went back at the provider",
        "refund_failed": "A refund failed",
        "refund_unknown": "A refund is uncertain",
        "unverified": "A payment could not be verified",
        "email_failed": "The email could not be delivered",
        "message_doubtful": "The email is uncertain",
    }
)

# What it means to say that something was looked after; nothing is done at the provider by it.
MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stuck": "Nobody is asked about it again. The provider is still asked what became of it.",
        "mismatch": "Nothing is booked by it, and nothing is sent back. Nobody is asked about the"
        " same answer again.",
        "late": "Nothing is booked by it, and nothing is sent back.",
        "surplus": "The money stays with you. A refund sends it back, now or later.",
        "reversed": "The order and its tickets stay as they are. Nobody is asked about what went"
        " back until now again.",
        "refund_failed": "The money stays with you. You can still ask for a refund.",
        "refund_unknown": "Nothing is sent by it.",
        "unverified": "The order stays as it is. If the provider did take money for it, send that"
        " back there.",
        "email_failed": "The email is not sent.",
        "message_doubtful": "Nothing is sent by it. You can still have a copy sent.",
    }
)

_GOOD: Final = frozenset({"payment_confirmed", "paid_late", "review_accepted", "email_sent"})
_BAD: Final = frozenset({"email_failed", "checkout_refused", "refund_failed"})
_TO_LOOK_AT: Final = frozenset(
    {
        "attention_raised",
        "payment_mismatched",
        "paid_late_unfulfilled",
        "payment_declined",
        "attempt_failed",
        "surplus_received",
        "email_doubtful",
        "closing_abandoned",
        "refund_unknown",
    }
)

# Reasons that are codes of ours; all others are sentences already.
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cancel": "it is being canceled",
        "expiry": "its time is over",
        "retry": "the buyer wants to try again",
        "timeout": "it took too long",
        "network": "the provider did not answer",
        "refused": "the provider took no payment",
        "declined": "the bank declined",
    }
)


def event(happened: PaymentEvent) -> tuple[str, str]:
    """Return what happened, and what else is known of it: a reason, or what is to be looked at."""
    told = [KINDS.get(str(happened.detail.get("kind")), "")]
    told.append(str(happened.detail.get("amount") or ""))
    reason = str(happened.detail.get("reason") or "")
    told.append(_REASONS.get(reason, reason))
    return EVENTS[happened.name], ": ".join(word for word in told if word)


def tone(name: str) -> str:
    """Return the colour of an event: success, warning, error or none."""
    if name in _GOOD:
        return "success"
    if name in _BAD:
        return "error"
    return "warning" if name in _TO_LOOK_AT else ""


def actor(name: str, users: Mapping[int, str]) -> str:
    """Return who did it.

    Args:
        name: as the trail has it: `user:7`, `key:<prefix>`, `buyer`, `cli`, `sweep:expiry`,
            `provider:sandbox`.
        users: how the merchant's users are called, by id.
    """
    kind, _, which = name.partition(":")
    match kind:
        case "user":
            return users.get(int(which), "somebody who has left")
        case "buyer":
            return "the buyer"
        case "key":
            return "one of your programs"
        case "cli":
            return "the operator"
        case "provider":
            return "the payment provider"
        case "seed":
            return "the demo"
        case _:
            return "the system"


def spoken(reason: str) -> str:
    """Return a refusal's reason as a sentence."""
    said = reason.strip()
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '!', '?')) else '.'}"
