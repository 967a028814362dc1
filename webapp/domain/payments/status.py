"""What a buyer's page needs to know of a link, read in one small query and without any object."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from webapp.core.errors import NotFoundError
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, EmailState, LinkState, TicketState
from webapp.extensions import db
from webapp.models import EmailMessage, PaymentAttempt, PaymentLink, Ticket

_UNSETTLED = (EmailState.QUEUED, EmailState.SENDING, EmailState.DOUBTFUL)


@dataclass(frozen=True)
class AttemptStatus:
    """The current attempt. `waiting_s` is since the buyer came back, or else since it began."""

    reference: str
    state: AttemptState
    has_url: bool
    has_returned: bool
    was_declined: bool
    is_watched: bool
    waiting_s: float


@dataclass(frozen=True)
class LinkStatus:
    """The link's row as the polled route and the pages need it."""

    link_id: int
    code: str
    version: int
    state: LinkState
    expires_at: datetime
    left_s: float
    ended_s: float
    closing_for: str | None
    attempt: AttemptStatus | None

    @property
    def is_in_flight(self) -> bool:
        """Whether the current attempt could still be paid."""
        return (
            self.state is LinkState.OPEN
            and self.attempt is not None
            and self.attempt.state in MAY_HOLD_MONEY
        )

    @property
    def is_payable(self) -> bool:
        """Whether pressing "Pay" can begin an attempt."""
        return (
            self.state is LinkState.OPEN
            and not self.is_in_flight
            and self.closing_for is None
            and self.left_s > 0
        )


@dataclass(frozen=True)
class Deliveries:
    """How far the promises of a paid link are. The same for everyone who has the code."""

    tickets: int
    emails_sent: int
    emails_waiting: int
    emails_failed: int
    # Since the first of those that wait was promised; 0 where none waits.
    waiting_s: float = field(default=0, compare=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change by itself any more."""
        return self.emails_waiting == 0


def get(code: str) -> LinkStatus:
    """Return what the pages and the poll need to know of a link; changes no row.

    Raises:
        NotFoundError: there is no such link, or it is a DRAFT.
    """
    now = func.clock_timestamp()
    since = func.coalesce(PaymentAttempt.returned_at, PaymentAttempt.created_at)
    ended = func.coalesce(PaymentLink.paid_at, PaymentLink.ended_at)
    row = db.session.execute(
        select(
            PaymentLink.id,
            PaymentLink.version,
            PaymentLink.state,
            PaymentLink.expires_at,
            func.extract("epoch", PaymentLink.expires_at - now).label("left_s"),
            func.extract("epoch", now - ended).label("ended_s"),
            PaymentLink.closing_for,
            PaymentAttempt.reference,
            PaymentAttempt.state.label("attempt_state"),
            PaymentAttempt.checkout_url.is_not(None).label("has_url"),
            PaymentAttempt.returned_at.is_not(None).label("has_returned"),
            PaymentAttempt.declined_at.is_not(None).label("was_declined"),
            (PaymentAttempt.watch_until > now).label("is_watched"),
            func.extract("epoch", now - since).label("waiting_s"),
        )
        .join(
            PaymentAttempt,
            (PaymentAttempt.link_id == PaymentLink.id) & PaymentAttempt.is_current,
            isouter=True,
        )
        .where(PaymentLink.code == code, PaymentLink.state != LinkState.DRAFT)
    ).one_or_none()
    if row is None:
        raise NotFoundError("there is no such link")
    attempt = None
    if row.reference is not None:
        attempt = AttemptStatus(
            reference=row.reference,
            state=row.attempt_state,
            has_url=row.has_url,
            has_returned=row.has_returned,
            was_declined=row.was_declined,
            is_watched=row.is_watched,
            waiting_s=float(row.waiting_s),
        )
    return LinkStatus(
        link_id=row.id,
        code=code,
        version=row.version,
        state=row.state,
        expires_at=row.expires_at,
        left_s=float(row.left_s),
        ended_s=float(row.ended_s or 0),
        closing_for=row.closing_for,
        attempt=attempt,
    )


def deliveries(link_id: int) -> Deliveries:
    """Count a link's tickets and how its emails stand."""
    tickets = select(func.count()).where(
        Ticket.link_id == link_id, Ticket.state != TicketState.VOID
    )
    age = func.extract("epoch", func.clock_timestamp() - func.min(EmailMessage.created_at))
    rows = db.session.execute(
        select(EmailMessage.state, func.count(), age)
        .where(EmailMessage.link_id == link_id)
        .group_by(EmailMessage.state)
    ).all()
    by_state = {state: count for state, count, _ in rows}
    return Deliveries(
        tickets=db.session.scalars(tickets).one(),
        emails_sent=by_state.get(EmailState.SENT, 0),
        emails_waiting=sum(by_state.get(state, 0) for state in _UNSETTLED),
        emails_failed=by_state.get(EmailState.FAILED, 0),
        waiting_s=max((float(waits) for state, _, waits in rows if state in _UNSETTLED), default=0),
    )


def checkout_url(link_id: int) -> str | None:
    """Return where the current attempt can still be paid, or None when there is no such place."""
    return db.session.scalar(
        select(PaymentAttempt.checkout_url).where(
            PaymentAttempt.link_id == link_id,
            PaymentAttempt.is_current,
            PaymentAttempt.state.in_(MAY_HOLD_MONEY),
        )
    )
