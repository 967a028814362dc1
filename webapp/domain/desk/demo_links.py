"""A demo link for each page that a buyer can see, brought there by what really happens."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import attempts, checkouts, expiry, links, status, verification
from webapp.extensions import settings
from webapp.models import Event, Merchant, PaymentLink
from webapp.providers import http
from webapp.providers.base import HttpRequest

ACTOR: Final = "seed"
PENDING: Final = "TEST-001"

_PRESS_TIMEOUT_S: Final = 5
_SHORT_LIFE: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Example:
    """An order, and the button that its buyer presses at the bank, if one does."""

    title: str
    amount: str
    buyer: str
    tickets: int = 0
    is_for_event: bool = False
    button: str | None = None


EXAMPLES: Final[Mapping[str, Example]] = MappingProxyType(
    {
        "DEMO-DRAFT": Example("Stand for the summer market", "120.00", "Grace Draft"),
        PENDING: Example("Trial order", "25.00", "Ada Buyer", tickets=1),
        "DEMO-PAID": Example(
            "Two tickets for an evening of small songs", "25.00", "Ada Buyer",
            tickets=2, is_for_event=True, button="pay",
        ),
        "DEMO-REVIEW": Example(
            "Cello lesson, 60 minutes", "48.00", "Edsger Moore", button="wrong"
        ),
        "DEMO-EXPIRED": Example("Piano hire for a weekend", "210.00", "Barbara Stone"),
        "DEMO-CANCELED": Example("Song book, second edition", "18.50", "Alan Fields"),
    }
)  # fmt: skip


def prepare(merchant: Merchant, event: Event) -> None:
    """Make the examples that are missing. With the bank away they stay where they are."""
    for reference in EXAMPLES:
        _bring(merchant, event, reference)


def pend(merchant: Merchant) -> None:
    """Make the trial order alone: 25.00 whose payment was begun at the bank and not finished."""
    _bring(merchant, None, PENDING)


def _bring(merchant: Merchant, event: Event | None, reference: str) -> None:
    """Make an example where it is missing, and take it on its way as far as it goes."""
    example = EXAMPLES[reference]
    try:
        link = links.get(merchant, reference)
    except NotFoundError:
        link = _make(merchant, event, reference, example)
    if link.state is LinkState.OPEN:
        _go_on(merchant, link, example)


def _make(merchant: Merchant, event: Event | None, reference: str, example: Example) -> PaymentLink:
    life = _SHORT_LIFE if reference == "DEMO-EXPIRED" else timedelta(days=30)
    order = links.Order(
        title=example.title,
        money=Money.parse(example.amount, "EUR"),
        buyer_email=f"{example.buyer.split()[0].lower()}@buyers.example",
        buyer_name=example.buyer,
        expires_at=clock.now() + life,
        event=event if example.is_for_event else None,
        ticket_count=example.tickets,
    )
    link = links.make(merchant, order, actor=ACTOR, reference=reference)
    if reference == "DEMO-DRAFT":
        return link
    return links.open_(merchant, reference, actor=ACTOR)


def _go_on(merchant: Merchant, link: PaymentLink, example: Example) -> None:
    match link.reference:
        case "DEMO-EXPIRED":
            while clock.now() <= link.expires_at:
                time.sleep(0.05)
            expiry.run_due(Budget.of(seconds=_PRESS_TIMEOUT_S))
        case "DEMO-CANCELED":
            links.cancel(merchant, link.reference, actor=ACTOR)
        case _:
            if not link.may_hold_money:
                checkouts.start(link.code, token=None, buyer_email=None)
            if example.button is not None:
                _press(link, example.button)


def _press(link: PaymentLink, button: str) -> None:
    """Press a button on the bank's page as a buyer would, and ask the bank what came of it."""
    url = status.checkout_url(link.id)
    if url is None or not url.startswith(settings.sandbox_url):
        return
    form = HttpRequest(
        "POST",
        url,
        {"Content-Type": "application/x-www-form-urlencoded"},
        urlencode({"do": button}).encode(),
    )
    try:
        http.send(form, timeout_s=_PRESS_TIMEOUT_S)
    except http.NoAnswerError:
        return
    for reference in attempts.named(link.reference):
        verification.run_one(reference, actor=ACTOR)
