"""Every state and every step between states. Nothing may move in a way that is not written here.

An edge is *visible* when somebody looking at the link would want to know: it then raises the link's
version and leaves a row in its audit trail. `docs/states.md` is generated from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from webapp.core.errors import InvalidTransitionError


@dataclass(frozen=True)
class Edge:
    """One step: its name in the audit trail (past tense) and whether it is visible."""

    name: str
    is_visible: bool = True


class LinkState(StrEnum):
    """Where a payment link stands."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PAID = "PAID"
    REVIEW = "REVIEW"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    REFUNDED = "REFUNDED"


class SessionState(StrEnum):
    """Where one buyer's sitting at a link stands."""

    INITIATED = "INITIATED"
    PROCESSING = "PROCESSING"
    INTERRUPTED = "INTERRUPTED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    FAILED_MAX_RETRIES = "FAILED_MAX_RETRIES"


class AttemptState(StrEnum):
    """Where one checkout at a provider stands."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class CaptureState(StrEnum):
    """What became of money that a provider took."""

    HELD = "HELD"
    FULFILS = "FULFILS"
    SURPLUS = "SURPLUS"
    RETURNED = "RETURNED"
    DISMISSED = "DISMISSED"


class RefundState(StrEnum):
    """Where money on its way back stands."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    DONE = "DONE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class TicketState(StrEnum):
    """Whether a ticket still admits somebody."""

    ISSUED = "ISSUED"
    CHECKED_IN = "CHECKED_IN"
    VOID = "VOID"


class EmailState(StrEnum):
    """Where a promised email stands."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    DOUBTFUL = "DOUBTFUL"
    FAILED = "FAILED"


class AttentionState(StrEnum):
    """Whether somebody still has to look."""

    OPEN = "OPEN"
    ENDED = "ENDED"


class AccountState(StrEnum):
    """Whether a merchant's account at a provider takes payments, or is only read."""

    ACTIVE = "ACTIVE"
    DISCONNECTING = "DISCONNECTING"
    DISCONNECTED = "DISCONNECTED"


State = (
    LinkState
    | SessionState
    | AttemptState
    | CaptureState
    | RefundState
    | TicketState
    | EmailState
    | AttentionState
    | AccountState
)

Edges = Mapping[tuple[State, State], Edge]

_HIDDEN = False


def _edges(*rows: tuple[State, State, str] | tuple[State, State, str, bool]) -> Edges:
    """Build one noun's table; a fourth value of `_HIDDEN` keeps an edge out of the trail."""
    return MappingProxyType({(row[0], row[1]): Edge(row[2], *row[3:]) for row in rows})


LINK_EDGES: Final = _edges(
    (LinkState.DRAFT, LinkState.OPEN, "link_opened"),
    (LinkState.DRAFT, LinkState.CANCELED, "link_canceled"),
    (LinkState.OPEN, LinkState.PAID, "payment_confirmed"),
    (LinkState.OPEN, LinkState.REVIEW, "payment_mismatched"),
    (LinkState.OPEN, LinkState.EXPIRED, "link_expired"),
    (LinkState.OPEN, LinkState.CANCELED, "link_canceled"),
    (LinkState.EXPIRED, LinkState.PAID, "paid_late"),
    (LinkState.CANCELED, LinkState.PAID, "paid_late"),
    (LinkState.EXPIRED, LinkState.REVIEW, "paid_late_unfulfilled"),
    (LinkState.CANCELED, LinkState.REVIEW, "paid_late_unfulfilled"),
    (LinkState.REVIEW, LinkState.PAID, "review_accepted"),
    (LinkState.REVIEW, LinkState.CANCELED, "review_dismissed"),
    (LinkState.REVIEW, LinkState.REFUNDED, "review_refunded"),
    (LinkState.PAID, LinkState.REFUNDED, "payment_refunded"),
)

SESSION_EDGES: Final = _edges(
    (SessionState.INITIATED, SessionState.PROCESSING, "payment_started"),
    (SessionState.INITIATED, SessionState.CANCELED, "session_canceled"),
    (SessionState.INITIATED, SessionState.EXPIRED, "session_expired"),
    (SessionState.INITIATED, SessionState.COMPLETED, "session_completed"),
    (SessionState.PROCESSING, SessionState.COMPLETED, "session_completed"),
    (SessionState.PROCESSING, SessionState.INTERRUPTED, "payment_interrupted"),
    (SessionState.PROCESSING, SessionState.CANCELED, "session_canceled"),
    (SessionState.PROCESSING, SessionState.EXPIRED, "session_expired"),
    (SessionState.INTERRUPTED, SessionState.PROCESSING, "payment_resumed"),
    (SessionState.INTERRUPTED, SessionState.CANCELED, "session_canceled"),
    (SessionState.INTERRUPTED, SessionState.FAILED_MAX_RETRIES, "retries_exhausted"),
    (SessionState.INTERRUPTED, SessionState.EXPIRED, "session_expired"),
    (SessionState.INTERRUPTED, SessionState.COMPLETED, "session_completed"),
    (SessionState.CANCELED, SessionState.COMPLETED, "paid_late"),
    (SessionState.EXPIRED, SessionState.COMPLETED, "paid_late"),
    (SessionState.FAILED_MAX_RETRIES, SessionState.COMPLETED, "paid_late"),
)

ATTEMPT_EDGES: Final = _edges(
    (AttemptState.CREATED, AttemptState.PENDING, "checkout_opened"),
    (AttemptState.CREATED, AttemptState.FAILED, "checkout_refused"),
    (AttemptState.CREATED, AttemptState.SUCCEEDED, "attempt_succeeded"),
    (AttemptState.PENDING, AttemptState.SUCCEEDED, "attempt_succeeded"),
    (AttemptState.PENDING, AttemptState.FAILED, "attempt_failed"),
    (AttemptState.PENDING, AttemptState.EXPIRED, "attempt_expired"),
    (AttemptState.PENDING, AttemptState.CANCELED, "attempt_canceled"),
    # Given up as never made, and then the provider had it after all.
    (AttemptState.FAILED, AttemptState.PENDING, "checkout_found"),
    (AttemptState.FAILED, AttemptState.SUCCEEDED, "paid_late"),
    (AttemptState.EXPIRED, AttemptState.SUCCEEDED, "paid_late"),
    (AttemptState.CANCELED, AttemptState.SUCCEEDED, "paid_late"),
)

CAPTURE_EDGES: Final = _edges(
    # Money is born HELD; what becomes of it in the same breath, the link's own edge tells.
    (CaptureState.HELD, CaptureState.FULFILS, "capture_fulfils", _HIDDEN),
    (CaptureState.HELD, CaptureState.SURPLUS, "surplus_received"),
    (CaptureState.HELD, CaptureState.DISMISSED, "capture_dismissed"),
    (CaptureState.HELD, CaptureState.RETURNED, "capture_returned"),
    (CaptureState.SURPLUS, CaptureState.DISMISSED, "capture_dismissed"),
    (CaptureState.SURPLUS, CaptureState.RETURNED, "capture_returned"),
    (CaptureState.FULFILS, CaptureState.RETURNED, "capture_returned"),
    # Not taken as payment, and sent back later.
    (CaptureState.DISMISSED, CaptureState.RETURNED, "capture_returned"),
)

REFUND_EDGES: Final = _edges(
    (RefundState.REQUESTED, RefundState.ACCEPTED, "refund_accepted"),
    (RefundState.REQUESTED, RefundState.DONE, "refund_done"),
    (RefundState.REQUESTED, RefundState.FAILED, "refund_failed"),
    (RefundState.REQUESTED, RefundState.UNKNOWN, "refund_unknown"),
    (RefundState.ACCEPTED, RefundState.DONE, "refund_done"),
    (RefundState.ACCEPTED, RefundState.FAILED, "refund_failed"),
    (RefundState.UNKNOWN, RefundState.ACCEPTED, "refund_accepted"),
    (RefundState.UNKNOWN, RefundState.DONE, "refund_done"),
    (RefundState.UNKNOWN, RefundState.FAILED, "refund_failed"),
)

TICKET_EDGES: Final = _edges(
    (TicketState.ISSUED, TicketState.CHECKED_IN, "ticket_checked_in"),
    (TicketState.CHECKED_IN, TicketState.ISSUED, "check_in_undone"),
    (TicketState.ISSUED, TicketState.VOID, "ticket_voided"),
)

EMAIL_EDGES: Final = _edges(
    # A lease and its return are steps too, but nobody wants to see them.
    (EmailState.QUEUED, EmailState.SENDING, "email_leased", _HIDDEN),
    (EmailState.DOUBTFUL, EmailState.SENDING, "email_leased", _HIDDEN),
    (EmailState.SENDING, EmailState.QUEUED, "email_put_back", _HIDDEN),
    (EmailState.SENDING, EmailState.SENT, "email_sent"),
    (EmailState.SENDING, EmailState.DOUBTFUL, "email_doubtful"),
    (EmailState.SENDING, EmailState.FAILED, "email_failed"),
    # Only by a person, who mended what was wrong.
    (EmailState.FAILED, EmailState.QUEUED, "email_requeued"),
)

ATTENTION_EDGES: Final = _edges((AttentionState.OPEN, AttentionState.ENDED, "attention_ended"))

ACCOUNT_EDGES: Final = _edges(
    # An account belongs to no link, so there is no trail of a link to write to.
    (AccountState.ACTIVE, AccountState.DISCONNECTING, "account_disconnecting", _HIDDEN),
    (AccountState.DISCONNECTING, AccountState.ACTIVE, "account_reconnected", _HIDDEN),
    (AccountState.DISCONNECTING, AccountState.DISCONNECTED, "account_disconnected", _HIDDEN),
    (AccountState.DISCONNECTED, AccountState.ACTIVE, "account_reconnected", _HIDDEN),
)

TABLES: Final[Mapping[type[State], Edges]] = MappingProxyType(
    {
        LinkState: LINK_EDGES,
        SessionState: SESSION_EDGES,
        AttemptState: ATTEMPT_EDGES,
        CaptureState: CAPTURE_EDGES,
        RefundState: REFUND_EDGES,
        TicketState: TICKET_EDGES,
        EmailState: EMAIL_EDGES,
        AttentionState: ATTENTION_EDGES,
        AccountState: ACCOUNT_EDGES,
    }
)

# An attempt in one of these could still be paid at the provider.
MAY_HOLD_MONEY: Final = frozenset({AttemptState.CREATED, AttemptState.PENDING})

# A link in one of these has ended unpaid; late money can still change that.
LINK_ENDED: Final = frozenset({LinkState.EXPIRED, LinkState.CANCELED})

# A session in one of these is still the buyer's.
SESSION_OPEN: Final = frozenset(
    {SessionState.INITIATED, SessionState.PROCESSING, SessionState.INTERRUPTED}
)


def edge(from_state: State, to_state: State) -> Edge:
    """Return the edge between two states of one noun.

    Raises:
        InvalidTransitionError: the tables have no such step.
    """
    found = TABLES[type(from_state)].get((from_state, to_state))
    # States are text: without the second question another noun's word would pass for ours.
    if found is None or type(from_state) is not type(to_state):
        raise InvalidTransitionError(f"no step from {from_state} to {to_state}")
    return found
