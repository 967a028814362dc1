"""Lists of a merchant's links, as the desk reads them: a page at a time, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select

from webapp.core.money import Money
from webapp.core.states import MAY_HOLD_MONEY, AttentionState, LinkState
from webapp.extensions import db
from webapp.models import AttentionItem, Merchant, PaymentAttempt, PaymentLink

PAGE_SIZE: Final = 25
LAST_PAGE: Final = 10_000

_LONGEST_SEARCH: Final = 200


class Tab(StrEnum):
    """What a list is narrowed to."""

    ALL = "all"
    OPEN = "open"
    PAID = "paid"
    REVIEW = "review"
    ENDED = "ended"
    DRAFTS = "drafts"


_STATES: Final[Mapping[Tab, frozenset[LinkState]]] = MappingProxyType(
    {
        Tab.ALL: frozenset(LinkState),
        Tab.OPEN: frozenset({LinkState.OPEN}),
        Tab.PAID: frozenset({LinkState.PAID}),
        Tab.REVIEW: frozenset({LinkState.REVIEW}),
        Tab.ENDED: frozenset({LinkState.EXPIRED, LinkState.CANCELED, LinkState.REFUNDED}),
        Tab.DRAFTS: frozenset({LinkState.DRAFT}),
    }
)


@dataclass(frozen=True)
class Listed:
    """One link of a list.

    `is_in_flight`: its current attempt could still be paid. `needs_attention`: something about it
    waits for a person.
    """

    reference: str
    title: str
    money: Money
    state: LinkState
    closing_for: str | None
    is_in_flight: bool
    needs_attention: bool
    buyer_email: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class LinkList:
    """One page of a list."""

    links: tuple[Listed, ...]
    has_more: bool


def page(merchant: Merchant, tab: Tab, search: str, number: int) -> LinkList:
    """Return a page of the merchant's links; changes no row.

    Args:
        merchant: whose.
        tab: which of them.
        search: a part of a reference, a title, the buyer's name or address, or a code; empty is
            all.
        number: which page, from 1.
    """
    number = max(1, min(number, LAST_PAGE))
    query = (
        select(PaymentLink, PaymentAttempt.id.is_not(None), _needs_attention())
        .join(
            PaymentAttempt,
            and_(
                PaymentAttempt.link_id == PaymentLink.id,
                PaymentAttempt.is_current,
                PaymentAttempt.state.in_(MAY_HOLD_MONEY),
            ),
            isouter=True,
        )
        .where(PaymentLink.merchant_id == merchant.id, PaymentLink.state.in_(_STATES[tab]))
        .order_by(PaymentLink.created_at.desc(), PaymentLink.id.desc())
        .offset((number - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE + 1)
        .execution_options(populate_existing=True)
    )
    sought = clean_search(search)
    if sought:
        query = query.where(_matches(sought))
    rows = [_listed(*row) for row in db.session.execute(query)]
    return LinkList(tuple(rows[:PAGE_SIZE]), has_more=len(rows) > PAGE_SIZE)


def has_any(merchant: Merchant) -> bool:
    """Say whether the merchant has made a link yet."""
    query = select(PaymentLink.id).where(PaymentLink.merchant_id == merchant.id).limit(1)
    return db.session.scalar(query) is not None


def clean_search(typed: str) -> str:
    """Return what is searched for: no control characters, not too long."""
    return "".join(char for char in typed if char.isprintable())[:_LONGEST_SEARCH].strip()


def _matches(sought: str) -> ColumnElement[bool]:
    return or_(
        PaymentLink.code == sought.upper(),
        PaymentLink.reference.icontains(sought, autoescape=True),
        PaymentLink.title.icontains(sought, autoescape=True),
        PaymentLink.buyer_email.icontains(sought, autoescape=True),
        PaymentLink.buyer_name.icontains(sought, autoescape=True),
    )


def _needs_attention() -> ColumnElement[bool]:
    item = select(AttentionItem.id).where(
        AttentionItem.link_id == PaymentLink.id, AttentionItem.state == AttentionState.OPEN
    )
    return item.exists()


def _listed(link: PaymentLink, has_attempt: bool, needs_attention: bool) -> Listed:
    return Listed(
        reference=link.reference,
        title=link.title,
        money=link.money,
        state=link.state,
        closing_for=link.closing_for,
        is_in_flight=link.state is LinkState.OPEN and has_attempt,
        needs_attention=needs_attention,
        buyer_email=link.buyer_email,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )
