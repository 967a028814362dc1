"""A payment that waits at the bank, and what the bank will say of it."""

import secrets
from dataclasses import dataclass
from typing import Final

from dev.office import SLUG
from webapp.core import clock
from webapp.core.money import Money
from webapp.domain.desk import merchants
from webapp.domain.payments import attempts, creations, links, sessions
from webapp.domain.transaction import lock, transaction
from webapp.models import PaymentLink
from webapp.providers.base import Created, Observation, Payment, ProviderState

PRICE: Final = Money(2500, "EUR")


@dataclass(frozen=True)
class Pending:
    """The link, and what is read once it is paid."""

    link_id: int
    code: str
    observation: Observation


def make(number: int) -> Pending:
    """Make a link with an attempt that waits."""
    merchant = merchants.get(SLUG)
    order = links.Order(
        title=f"Order {number}",
        money=PRICE,
        buyer_email="buyer@buyers.example",
        ticket_count=2,
    )
    made = links.make(merchant, order, actor="bench")
    links.open_(merchant, made.reference, actor="bench")
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == made.id)
        session, _ = sessions.start(link, None)
        attempt = attempts.begin(link, session, actor="bench")
        code, reference = link.code, attempt.reference
        account = attempt.provider_account.external_account
    checkout_id = f"chk-{secrets.token_hex(8)}"
    creations.record(reference, Created(checkout_id, "https://bank.example/"), actor="bench")
    observation = Observation(
        account=account,
        checkout_id=checkout_id,
        reference=reference,
        is_live=False,
        state=ProviderState.PAID,
        raw_state="paid",
        payments=(Payment(f"pay-{secrets.token_hex(8)}", PRICE, clock.now()),),
    )
    return Pending(made.id, code, observation)
