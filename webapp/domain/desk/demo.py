"""A demo merchant with something to pay, so that a newcomer sees the whole within a minute."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from webapp.core import clock
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.desk import demo_links, merchants, users
from webapp.domain.payments import links
from webapp.domain.tickets import events
from webapp.extensions import db, settings
from webapp.models import Event, Merchant, PaymentLink

SLUG = "demo"
OWNER = "owner@stage.example"

# Known to everybody, so no production has it: there the owner gets a password of their own.
PASSWORD = "small-stage-demo"  # noqa: S105  # no secret

_EVENT = "An evening of small songs"
_PAYABLE = "Two tickets for an evening of small songs"


@dataclass(frozen=True)
class Demo:
    """What there is to try."""

    merchant: Merchant
    pending_reference: str
    payable_code: str
    # None where the owner has one that only they know.
    owner_password: str | None
    # False where somebody else signs in with the owner's address, so that there is no owner.
    has_owner: bool


def prepare(*, has_examples: bool) -> Demo:
    """Make what is missing of the demo; what is there stays as it is.

    Args:
        has_examples: also a link for each page that a buyer can see; this needs the sandbox bank.

    Raises:
        AccountNotConnectedError: the sandbox is not switched on here.
    """
    try:
        merchant = merchants.get(SLUG)
    except NotFoundError:
        merchant = merchants.make(
            SLUG, "The Small Stage", support_email="help@stage.example", timezone="Europe/Berlin"
        )
    merchants.connect_sandbox(merchant)
    event = _event(merchant)
    if has_examples:
        demo_links.prepare(merchant, event)
    else:
        demo_links.pend(merchant)
    payable = _payable(merchant, event).code
    password = _owner(merchant)
    has_owner = OWNER in users.addresses(merchant)
    return Demo(merchant, demo_links.PENDING, payable, password, has_owner)


def _owner(merchant: Merchant) -> str | None:
    """Make the owner where there is none; return their password where it can be told."""
    if OWNER in users.addresses(merchant):
        is_known = not settings.is_production and users.verify(OWNER, PASSWORD) is not None
        return PASSWORD if is_known else None
    password = secrets.token_urlsafe(12) if settings.is_production else PASSWORD
    try:
        users.make(merchant, email=OWNER, password=password, name="Olive Owner")
    except InvalidInputError:  # somebody else signs in with this address: theirs it stays
        return None
    return password


def _event(merchant: Merchant) -> Event:
    found = db.session.scalar(
        select(Event).where(
            Event.merchant_id == merchant.id,
            Event.title == _EVENT,
            Event.starts_at > func.now() + timedelta(days=2),
        )
    )
    if found is not None:
        return found
    evening = (clock.now() + timedelta(days=30)).replace(
        hour=18, minute=30, second=0, microsecond=0
    )
    return events.make(
        merchant,
        title=_EVENT,
        place="The Small Stage, 12 Mill Lane",
        starts_at=evening,
        timezone="Europe/Berlin",
        capacity=None,
    )


def _payable(merchant: Merchant, event: Event) -> PaymentLink:
    """Return a link that can be paid now, and for a while: the one there is, or a new one."""
    found = db.session.scalar(
        select(PaymentLink)
        .where(
            PaymentLink.merchant_id == merchant.id,
            PaymentLink.title == _PAYABLE,
            PaymentLink.state == LinkState.OPEN,
            PaymentLink.may_hold_money.is_(False),
            PaymentLink.closing_for.is_(None),
            PaymentLink.expires_at > func.now() + timedelta(hours=12),
        )
        .limit(1)
    )
    if found is not None:
        return found
    order = links.Order(
        title=_PAYABLE,
        money=Money.parse("25.00", "EUR"),
        buyer_email="buyer@buyers.example",
        buyer_name="Ada Buyer",
        event=event,
        ticket_count=2,
    )
    made = links.make(merchant, order, actor=demo_links.ACTOR)
    return links.open_(merchant, made.reference, actor=demo_links.ACTOR)
