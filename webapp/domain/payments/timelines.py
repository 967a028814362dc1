"""Timelines: what a buyer may know of what happened to a link, in order and without a name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    select,
    true,
)

from webapp.core.states import LinkState
from webapp.extensions import db
from webapp.models import Event, Merchant, PaymentEvent, PaymentLink

# The newest steps are shown; whoever tries for hours need not read all of it.
MOST: Final = 12
# So many rows are read for them. Repeats fall together, and a link with more than this is rare.
_ROWS: Final = 60

# What is told under which key; two names with one key are one thing to a buyer.
_KEYS: Final = {
    "link_opened": "opened",
    "payment_started": "started",
    "payment_resumed": "resumed",
    "payment_declined": "declined",
    "payment_interrupted": "interrupted",
    "retries_exhausted": "exhausted",
    "session_canceled": "left",
    "payment_confirmed": "paid",
    "paid_late": "paid",
    "review_accepted": "paid",
    "payment_mismatched": "checked",
    "paid_late_unfulfilled": "checked",
    "review_dismissed": "dismissed",
    "review_refunded": "refunded",
    "payment_refunded": "refunded",
    "link_expired": "expired",
    "link_canceled": "canceled",
    "email_sent": "delivered",
    "email_failed": "undelivered",
}

# What becomes of single payments is no news any more once the link has ended in one of these ways.
_OF_PAYMENTS: Final = frozenset(
    {"started", "resumed", "declined", "network", "refused", "timeout", "exhausted", "left"}
)
_ENDS: Final = frozenset({"paid", "checked", "dismissed", "refunded", "expired", "canceled"})

# A sitting and an attempt that are paid late say so too; only the link's word is the order's.
_OF_THE_LINK: Final = frozenset({"paid", "checked"})


@dataclass(frozen=True)
class Step:
    """One thing that happened, under its key, such as `opened`, `declined` or `tickets`."""

    key: str
    at: datetime


@dataclass(frozen=True)
class Timeline:
    """The steps, the oldest first, and the zone in which their times are told."""

    steps: tuple[Step, ...]
    timezone: str


def of_link(link_id: int) -> Timeline:
    """Return what happened to a link, as everyone may know it who has its code."""
    return of_rows(db.session.execute(question(), {"link_id": link_id}).all())


def of_rows(rows: Sequence[Any]) -> Timeline:
    """Read the rows of these queries, whoever fetched them: their states may be plain words."""
    steps: list[Step] = []
    has_ended = False
    for row in reversed(rows):
        for key in _keys(row):
            is_news = not (has_ended and key in _OF_PAYMENTS)
            if is_news and (not steps or steps[-1].key != key):
                at = _paid_at(row, steps) if key == "paid" else row.happened_at
                steps.append(Step(key, at))
            has_ended = has_ended or key in _ENDS
    steps.sort(key=lambda step: step.at)
    timezone = rows[0].event_timezone or rows[0].timezone if rows else "UTC"
    return Timeline(tuple(steps[-MOST:]), timezone)


def _keys(row: Any) -> list[str]:  # noqa: ANN401  # a row of the query below
    key = _KEYS[row.name]
    if key == "interrupted":
        return [row.reason if row.reason in {"network", "refused", "declined"} else "timeout"]
    if key in _OF_THE_LINK and row.to_state not in {LinkState.PAID, LinkState.REVIEW}:
        return []
    if key != "paid":
        return [key]
    # Tickets are made in the transaction that confirms.
    return ["paid", "confirmed", "tickets"] if row.ticket_count else ["paid", "confirmed"]


def _paid_at(row: Any, before: Sequence[Step]) -> datetime:  # noqa: ANN401  # a row of the query below
    """Return when the provider took the money; its clock may be ahead of ours, or behind it."""
    heard_at: datetime = row.happened_at
    began_at = next((step.at for step in before if step.key == "started"), None)
    if began_at is None:
        began_at = before[0].at if before else heard_at
    return max(min(row.paid_at or heard_at, heard_at), began_at)


@cache
def question() -> Select[*tuple[Any, ...]]:
    """Return the query behind a page's timeline; its parameter is `link_id`."""
    return _newest(bindparam("link_id", type_=BigInteger))


@cache
def question_of_many() -> Select[*tuple[Any, ...]]:
    """Return the query behind the polls' timelines, of the links of `link_ids`: a text with commas.

    The rows of one link are in the order of `question`.
    """
    link_ids = func.string_to_array(bindparam("link_ids", type_=Text), ",")
    asked = func.unnest(cast(link_ids, ARRAY(BigInteger))).table_valued("id").render_derived()
    newest = _newest(asked.c.id).lateral("newest")
    query = select(newest).select_from(asked).join(newest, true())
    return query.order_by(newest.c.link_id, newest.c.version.desc())


def _newest(link_id: ColumnElement[int]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            PaymentEvent.link_id,
            PaymentEvent.version,
            PaymentEvent.name,
            PaymentEvent.to_state,
            PaymentEvent.detail["reason"].astext.label("reason"),
            PaymentEvent.happened_at,
            PaymentLink.ticket_count,
            PaymentLink.paid_at,
            Event.timezone.label("event_timezone"),
            Merchant.timezone,
        )
        .join(PaymentLink, PaymentLink.id == PaymentEvent.link_id)
        .join(Merchant, Merchant.id == PaymentLink.merchant_id)
        .join(Event, Event.id == PaymentLink.event_id, isouter=True)
        .where(PaymentEvent.link_id == link_id, PaymentEvent.name.in_(_KEYS))
        .order_by(PaymentEvent.version.desc())
        .limit(_ROWS)
    )
