"""What a buyer's page needs to know of a link, read in one small query and without any object."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from webapp.core.errors import NotFoundError
from webapp.core.states import (
    LINK_ENDED,
    MAY_HOLD_MONEY,
    AttemptState,
    AttentionState,
    CaptureState,
    EmailState,
    LinkState,
    SessionState,
    TicketState,
)
from webapp.domain.payments import closing, waits
from webapp.extensions import db
from webapp.models import (
    AttentionItem,
    Capture,
    EmailMessage,
    PaymentAttempt,
    PaymentLink,
    PaymentSession,
    Ticket,
)

_IN_DOUBT: Final = and_(EmailMessage.state == EmailState.DOUBTFUL, EmailMessage.repeats > 0)


@dataclass(frozen=True)
class AttemptStatus:
    """The current attempt. `waiting_s` is since the buyer came back, or else since "Pay"."""

    reference: str
    state: AttemptState
    # The how many-th of its sitting it is.
    number: int
    session_state: SessionState
    # Why the sitting was interrupted: `timeout`, `network`, `refused` or `declined`.
    interruption: str | None
    # The sitting's time has passed, swept or not.
    is_session_over: bool
    has_url: bool
    has_returned: bool
    was_declined: bool
    # Somebody watches it, and it was not paid yet.
    may_still_be_paid: bool
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
    # For so long a worker has been about to end what is in flight; 0 where none is.
    closing_s: float
    # It ended, and nobody could find out whether it was paid.
    is_unverified: bool
    # Money came, and the shop did not accept it.
    was_dismissed: bool
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
    def can_go_on(self) -> bool:
        """Whether the buyer may still pay the current attempt, and has not left it."""
        return (
            self.is_in_flight
            and self.attempt is not None
            and self.attempt.session_state is not SessionState.CANCELED
            and closing.lets_finish(self.closing_for)
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
    # Handed over, perhaps; nobody will know.
    emails_doubtful: int = 0
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
    row = db.session.execute(question(), {"code": code}).one_or_none()
    if row is None:
        raise NotFoundError("there is no such link")
    return of_row(row)


@cache
def question() -> Select[*tuple[Any, ...]]:
    """Return the query behind every page; its parameter is `code`."""
    return _question(PaymentLink.code == bindparam("code", type_=Text))


@cache
def question_of_many() -> Select[*tuple[Any, ...]]:
    """Return the query behind the polls: a row for each link of `codes`, a text with commas."""
    codes = func.string_to_array(bindparam("codes", type_=Text), ",", type_=ARRAY(Text))
    return _question(PaymentLink.code == any_(codes))


def _question(is_asked_for: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    now = func.clock_timestamp()
    ended = func.coalesce(PaymentLink.paid_at, PaymentLink.ended_at)
    return (
        select(
            PaymentLink.id,
            PaymentLink.code,
            PaymentLink.version,
            PaymentLink.state,
            PaymentLink.expires_at,
            _seconds(PaymentLink.expires_at - now).label("left_s"),
            _seconds(now - ended).label("ended_s"),
            PaymentLink.closing_for,
            _seconds(now - PaymentLink.closing_since).label("closing_s"),
            _is_unverified().label("is_unverified"),
            _was_dismissed().label("was_dismissed"),
            PaymentAttempt.reference,
            PaymentAttempt.state.label("attempt_state"),
            PaymentAttempt.number,
            PaymentSession.state.label("session_state"),
            PaymentSession.interruption,
            (PaymentSession.expires_at <= now).label("is_session_over"),
            PaymentAttempt.checkout_url.is_not(None).label("has_url"),
            PaymentAttempt.returned_at.is_not(None).label("has_returned"),
            PaymentAttempt.declined_at.is_not(None).label("was_declined"),
            may_still_be_paid().label("may_still_be_paid"),
            _seconds(now - waits.since()).label("waiting_s"),
        )
        .join(
            PaymentAttempt,
            (PaymentAttempt.link_id == PaymentLink.id) & PaymentAttempt.is_current,
            isouter=True,
        )
        .join(PaymentSession, PaymentSession.id == PaymentAttempt.session_id, isouter=True)
        .where(is_asked_for, PaymentLink.state != LinkState.DRAFT)
    )


def of_row(row: Any) -> LinkStatus:  # noqa: ANN401  # of SQLAlchemy, or of psycopg
    """Read one row of these queries, whoever fetched it: its states may still be plain words."""
    attempt = None
    if row.reference is not None:
        attempt = AttemptStatus(
            reference=row.reference,
            state=AttemptState(row.attempt_state),
            number=row.number,
            session_state=SessionState(row.session_state),
            interruption=row.interruption,
            is_session_over=row.is_session_over,
            has_url=row.has_url,
            has_returned=row.has_returned,
            was_declined=row.was_declined,
            may_still_be_paid=row.may_still_be_paid,
            waiting_s=row.waiting_s,
        )
    return LinkStatus(
        link_id=row.id,
        code=row.code,
        version=row.version,
        state=LinkState(row.state),
        expires_at=row.expires_at,
        left_s=row.left_s,
        ended_s=row.ended_s or 0.0,
        closing_for=row.closing_for,
        closing_s=row.closing_s or 0.0,
        is_unverified=row.is_unverified,
        was_dismissed=row.was_dismissed,
        attempt=attempt,
    )


def deliveries(link_id: int) -> Deliveries:
    """Count a link's tickets and how its emails stand."""
    tickets = select(func.count()).where(
        Ticket.link_id == link_id, Ticket.state != TicketState.VOID
    )
    first = func.min(EmailMessage.created_at).filter(EmailMessage.is_under_way)
    emails = db.session.execute(
        select(
            func.count().filter(EmailMessage.state == EmailState.SENT).label("sent"),
            func.count().filter(EmailMessage.is_under_way).label("waiting"),
            func.count().filter(EmailMessage.state == EmailState.FAILED).label("failed"),
            func.count().filter(_IN_DOUBT).label("doubtful"),
            _seconds(func.clock_timestamp() - first).label("waiting_s"),
        ).where(EmailMessage.link_id == link_id)
    ).one()
    return Deliveries(
        tickets=db.session.scalars(tickets).one(),
        emails_sent=emails.sent,
        emails_waiting=emails.waiting,
        emails_failed=emails.failed,
        emails_doubtful=emails.doubtful,
        waiting_s=emails.waiting_s or 0.0,
    )


def recipient(link_id: int) -> str | None:
    """Return where the link's newest email that was sent or is on its way goes; None without one.

    It is the buyer's own to read: whoever has only the code never sees it.
    """
    query = select(EmailMessage.to_address).where(
        EmailMessage.link_id == link_id,
        or_(EmailMessage.state == EmailState.SENT, EmailMessage.is_under_way),
    )
    return db.session.scalar(query.order_by(EmailMessage.id.desc()).limit(1))


def checkout_url(link_id: int) -> str | None:
    """Return where the current attempt can still be paid, or None when there is no such place."""
    return db.session.scalar(
        select(PaymentAttempt.checkout_url).where(
            PaymentAttempt.link_id == link_id,
            PaymentAttempt.is_current,
            PaymentAttempt.state.in_(MAY_HOLD_MONEY),
        )
    )


def may_still_be_paid() -> ColumnElement[bool]:
    """Say whether money may come late for an attempt: one that was paid is watched for less."""
    is_watched = PaymentAttempt.watch_until > func.clock_timestamp()
    return and_(is_watched, PaymentAttempt.state != AttemptState.SUCCEEDED)


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[float]:
    # By itself it is a number of any precision, which costs more to hand over than to find.
    return cast(func.extract("epoch", interval), Double)


def _is_unverified() -> ColumnElement[bool]:
    item = select(AttentionItem.id).where(
        AttentionItem.link_id == PaymentLink.id,
        AttentionItem.kind == "unverified",
        AttentionItem.state == AttentionState.OPEN,
    )
    return and_(PaymentLink.state.in_(LINK_ENDED), item.exists())


def _was_dismissed() -> ColumnElement[bool]:
    capture = select(Capture.id).where(
        Capture.link_id == PaymentLink.id, Capture.state == CaptureState.DISMISSED
    )
    return and_(PaymentLink.state == LinkState.CANCELED, capture.exists())
