"""Orders as the rules would hand them to documents and mail."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webapp.core.money import Money
from webapp.core.ticket_code import TicketClaim, TicketSigner
from webapp.documents.ticket_order import PrintedTicket, TicketOrder

SIGNER = TicketSigner("k1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
REFERENCE = "ORD-7K2MQD4XHB"
EVENT = "EVT-GCZK2HHQ"

_ORDER = TicketOrder(
    merchant_name="Kulturverein Überall",
    order_reference=REFERENCE,
    title="2 seats, first row",
    event_reference=EVENT,
    event_name="Winter concert",
    event_place="Stadthalle, Königsstraße 12, Köln",
    event_starts_at=datetime(2026, 11, 21, 18, 30, tzinfo=UTC),
    event_timezone="Europe/Berlin",
    amount=Money(5000, "EUR"),
    buyer_name="Zoë Müller-Łukasiewicz",
    instructions="Doors open at 18:45.\nBring this page, printed or on your phone.",
    support_email="help@kultur.example",
    tickets=(),
)


def claim(position: int) -> TicketClaim:
    """What the ticket at this position (from 1) claims."""
    return TicketClaim(f"{REFERENCE}-{position}", REFERENCE, EVENT)


def order(tickets: int = 1, **changes: Any) -> TicketOrder:
    """An order with so many signed tickets, and whatever else a test wants of it."""
    printed = tuple(
        PrintedTicket(f"{REFERENCE}-{n}", SIGNER.sign(claim(n)), n, tickets)
        for n in range(1, tickets + 1)
    )
    return replace(_ORDER, tickets=printed, **changes)
