"""A demo merchant with something to pay, so that a newcomer sees the whole within a minute."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.desk import merchants
from webapp.domain.payments import checkouts, links
from webapp.domain.tickets import events
from webapp.extensions import db
from webapp.models import Event, Merchant, PaymentLink

ACTOR = "seed"
SLUG = "demo"
PENDING = "TEST-001"

_EVENT = "An evening of small songs"
_PAYABLE = "Two tickets for an evening of small songs"


@dataclass(frozen=True)
class Demo:
    """What there is to try."""

    merchant: Merchant
    pending_reference: str
    payable_code: str


def prepare() -> Demo:
    """Make what is missing of the demo; what is there stays as it is.

    Raises:
        AccountNotConnectedError: the sandbox is not switched on here.
    """
    try:
        merchant = merchants.get(SLUG)
    except NotFoundError:
        merchant = merchants.make(SLUG, "The Small Stage", support_email="help@stage.example")
    merchants.connect_sandbox(merchant)
    event = _event(merchant)
    _pending(merchant)
    return Demo(merchant, PENDING, _payable(merchant, event).code)


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


def _pending(merchant: Merchant) -> None:
    """An order of 25.00 whose payment was begun at the sandbox bank and not finished."""
    try:
        link = links.get(merchant, PENDING)
    except NotFoundError:
        order = links.Order(
            title="Trial order",
            money=Money.parse("25.00", "EUR"),
            buyer_email="buyer@buyers.example",
            buyer_name="Ada Buyer",
            expires_at=clock.now() + timedelta(days=30),
            ticket_count=1,
        )
        links.make(merchant, order, actor=ACTOR, reference=PENDING)
        link = links.open_(merchant, PENDING, actor=ACTOR)
    if link.state is LinkState.OPEN and not link.may_hold_money:
        checkouts.start(link.code, token=None, buyer_email=None)


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
    made = links.make(merchant, order, actor=ACTOR)
    return links.open_(merchant, made.reference, actor=ACTOR)
