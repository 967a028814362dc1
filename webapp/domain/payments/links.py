"""Payment links: made, opened, canceled, found. The merchant comes first: nobody else's is seen."""

import contextlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from webapp import jobs
from webapp.core import clock, references, text
from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    LinkNotPayableError,
    NoRoomError,
    NotFoundError,
)
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.payments import accounts, closing, ends, limits
from webapp.domain.tickets import capacity
from webapp.domain.transaction import adopt, lock, transaction
from webapp.domain.transitions import record, transition
from webapp.extensions import db, settings
from webapp.models import Event, Merchant, PaymentLink

MAX_TITLE = 200
MAX_NAME = 120
MAX_TICKETS = 20

# It becomes part of every ticket's serial number and signed code, which take nothing else.
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,32}")
# Pages of the desk stand at these addresses, and would hide the link's own.
_NO_REFERENCES = frozenset({"new", "rows"})


@dataclass(frozen=True)
class Order:
    """What a link asks for. It is checked when the link is made."""

    title: str
    money: Money
    buyer_email: str | None = None
    buyer_name: str | None = None
    expires_at: datetime | None = None
    event: Event | None = None
    ticket_count: int = 0
    # Where it is made: "desk", or "shop" for a buyer on an event's page.
    source: str = "desk"


@dataclass(frozen=True)
class Form:
    """A form of the desk: the name it was given when it was shown, and a digest of what it says."""

    id: str
    digest: str


def make(
    merchant: Merchant, order: Order, *, actor: str, reference: str | None = None
) -> PaymentLink:
    """Write a DRAFT. A link for an event ends when the event begins, at the latest.

    Args:
        merchant: who gets paid.
        order: for what.
        actor: who makes it.
        reference: the order's own, where it must be a certain one; made up otherwise.

    Raises:
        InvalidInputError: a value cannot be accepted; `field` names it.
        AccountNotConnectedError: the merchant has no account to be paid to.
    """
    with transaction():
        return write(merchant, order, actor=actor, reference=reference)


def write(
    merchant: Merchant,
    order: Order,
    *,
    actor: str,
    reference: str | None = None,
    form: Form | None = None,
) -> PaymentLink:
    """Write a DRAFT, in this transaction; see `make`.

    Args:
        merchant: who gets paid.
        order: for what.
        actor: who makes it.
        reference: the order's own, if there is one.
        form: what it was made with, which makes no second one.
    """
    expires_at = order.expires_at or ends.first(order.source)
    ends.check(expires_at)
    order.money.checked_for_a_link()
    if not 0 <= order.ticket_count <= MAX_TICKETS:
        raise InvalidInputError("tickets", f"must be 0 to {MAX_TICKETS}")
    if order.event is not None and order.event.merchant_id != merchant.id:
        raise NotFoundError("there is no such event")
    if reference is not None:
        _check_reference(reference)
    expires_at = ends.before(order.event, expires_at)
    link = PaymentLink(
        merchant_id=merchant.id,
        provider_account_id=accounts.active(merchant).id,
        event_id=order.event.id if order.event else None,
        form_id=form.id if form else None,
        form_digest=form.digest if form else None,
        source=order.source,
        title=text.one_line("title", order.title, MAX_TITLE),
        amount_minor=order.money.minor,
        currency=order.money.currency,
        ticket_count=order.ticket_count,
        buyer_email=(
            text.email_address("buyer_email", order.buyer_email) if order.buyer_email else None
        ),
        buyer_name=(
            text.one_line("buyer_name", order.buyer_name, MAX_NAME) if order.buyer_name else None
        ),
        expires_at=expires_at,
        reference=reference or references.order_reference(),
    )
    adopt(link)
    record(link, "link_made", actor=actor)
    return link


def open_(
    merchant: Merchant, name: str, *, actor: str, expires_at: datetime | None = None
) -> PaymentLink:
    """Put a DRAFT up for payment; from now on its amount, account and tickets are frozen.

    Args:
        merchant: whose it is.
        name: its code, reference or public id.
        actor: who opens it.
        expires_at: its new end, where the one it was made with has come too near.

    Raises:
        NotFoundError: the merchant has no such link.
        InvalidInputError: the provider does not take this money, or the link has ended already, or
            its event has begun.
        NoRoomError: the event has too few places left.
        AccountNotConnectedError: the account takes no payments any more.
        InvalidTransitionError: it is not a DRAFT.
    """
    with transaction():
        link = lock(PaymentLink, *named(merchant, name))
        link.expires_at = expires_at or link.expires_at
        put_up(link, actor=actor)
    return link


def put_up(link: PaymentLink, *, actor: str) -> None:
    """Open a DRAFT whose lock the caller holds, in this transaction; see `open_`.

    A link for an event ends when the event begins, at the latest.
    """
    account = link.provider_account
    if not account.takes_payments:
        raise AccountNotConnectedError("the link's account takes no new payments")
    ends.check(link.expires_at)
    link.expires_at = ends.before(link.event, link.expires_at)
    limits.check(account, link.money, link.expires_at)
    transition(link, LinkState.OPEN, actor=actor)
    if not capacity.reserve(link):
        raise NoRoomError("the event has too few places left")
    link.opened_at = clock.now()


def cancel(merchant: Merchant, name: str, *, actor: str) -> PaymentLink:
    """End a link; where a payment could be on its way, mark it and let a worker close it first.

    The provider is never called here: the page says "canceling…" until the worker is done.

    Raises:
        NotFoundError: the merchant has no such link.
        LinkNotPayableError: it has been paid, or has ended otherwise.
    """
    with transaction() as after_commit:
        link = lock(PaymentLink, *named(merchant, name))
        match link.state:
            case LinkState.OPEN if link.may_hold_money:
                closing.mark(link, closing.CANCEL, actor=actor)
                after_commit(jobs.kick, jobs.JobName.EXPIRY)
            case LinkState.OPEN | LinkState.DRAFT:
                transition(link, LinkState.CANCELED, actor=actor)
                capacity.release(link)
                link.ended_at = clock.now()
            case LinkState.CANCELED:
                pass
            case _:
                raise LinkNotPayableError(f"a link that is {link.state} cannot be canceled")
    return link


def get(merchant: Merchant, name: str) -> PaymentLink:
    """Return the merchant's link by its code, reference or public id.

    Raises:
        NotFoundError: the merchant has no such link.
    """
    link = db.session.scalar(select(PaymentLink).where(*named(merchant, name)))
    if link is None:
        raise NotFoundError("there is no such link")
    return link


def pay_url(code: str) -> str:
    """Return the whole address of a link's pay page: all that the merchant shares."""
    return f"{settings.base_url}/pay/{code}"


def by_code(code: str) -> PaymentLink:
    """Return the link that a buyer asks for.

    Raises:
        NotFoundError: there is none, or it is a DRAFT, which is nobody's business yet.
    """
    link = db.session.scalar(
        select(PaymentLink).where(PaymentLink.code == code, PaymentLink.state != LinkState.DRAFT)
    )
    if link is None:
        raise NotFoundError("there is no such link")
    return link


def _check_reference(reference: str) -> None:
    if not _REFERENCE.fullmatch(reference):
        raise InvalidInputError("reference", "must be 1 to 32 letters, digits and hyphens")
    if references.clean_link_code(reference) is not None:
        raise InvalidInputError("reference", "looks like a link's code: make it longer or shorter")
    if reference.lower() in _NO_REFERENCES:
        raise InvalidInputError("reference", "must not be new or rows: the desk has pages there")
    # Two who want the same one at once come in here one after the other.
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"link:{reference}"))))
    known = select(PaymentLink.id).where(PaymentLink.reference == reference)
    if db.session.scalar(known) is not None:
        raise InvalidInputError("reference", f"{reference!r} is taken")


def named(merchant: Merchant, name: str) -> tuple[ColumnElement[bool], ...]:
    """Return what a link of this merchant's fulfils whose code, reference or public id is given."""
    names = [PaymentLink.goes_by(name)]
    with contextlib.suppress(ValueError):
        names.append(PaymentLink.public_id == uuid.UUID(name))
    return PaymentLink.merchant_id == merchant.id, or_(*names)
