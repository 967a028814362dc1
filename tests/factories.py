"""Rows for tests, made by the operations of the domain wherever there is one."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.orm import DeclarativeBase

from webapp.core import clock, references
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts, attempts, creations, links, sessions
from webapp.domain.tickets import events
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import Event, Merchant, PaymentAttempt, PaymentLink
from webapp.providers.base import Created, Observation, Payment, ProviderState

EUR_25 = Money(2500, "EUR")

Row = TypeVar("Row", bound=DeclarativeBase)


class Factories:
    """Each call makes one more; what is not said is ordinary."""

    # Of all factories together: a second one is another shop.
    _numbers = count(1)

    def __init__(self) -> None:
        self._merchant: Merchant | None = None

    def merchant(self, **columns: Any) -> Merchant:
        """Make a merchant with an account at the sandbox."""
        number = next(self._numbers)
        merchant = merchants.make(f"shop-{number}", f"Shop {number}", support_email=None)
        merchants.connect_sandbox(merchant)
        with transaction():
            for name, value in columns.items():
                setattr(merchant, name, value)
            db.session.add(merchant)
        return merchant

    @property
    def shop(self) -> Merchant:
        """The merchant of all that names none."""
        if self._merchant is None:
            self._merchant = self.merchant()
        return self._merchant

    def settle_at(self, merchant: Merchant) -> None:
        """Be this merchant from now on."""
        self._merchant = merchant

    def event(self, *, capacity: int | None = None) -> Event:
        """Make an event in a month."""
        return events.make(
            self.shop,
            title="Evening",
            place="Hall 1",
            starts_at=clock.now() + timedelta(days=30),
            timezone="Europe/Berlin",
            capacity=capacity,
        )

    def draft(self, **order: Any) -> PaymentLink:
        """Make a DRAFT; the words are those of `links.Order`."""
        ordinary = links.Order(
            title="Two tickets", money=EUR_25, buyer_email="ada@example.org", ticket_count=2
        )
        return links.make(self.shop, replace(ordinary, **order), actor="test")

    def link(self, **order: Any) -> PaymentLink:
        """Make an OPEN link."""
        return links.open_(self.shop, self.draft(**order).code, actor="test")

    def open_links(self, count: int, **columns: Any) -> list[int]:
        """Write many OPEN links at once, past the operations; return their ids in order."""
        account = accounts.active(self.shop)
        ordinary = {
            "merchant_id": self.shop.id,
            "provider_account_id": account.id,
            "title": "One of many",
            "amount_minor": EUR_25.minor,
            "currency": EUR_25.currency,
            "buyer_email": "ada@example.org",
            "state": LinkState.OPEN,
            "expires_at": clock.now() + timedelta(hours=1),
        }
        rows = [
            ordinary
            | {"code": references.link_code(), "reference": references.order_reference()}
            | columns
            for _ in range(count)
        ]
        with transaction():
            made = db.session.scalars(insert(PaymentLink).returning(PaymentLink.id), rows)
            return sorted(made.all())

    def created(
        self, link: PaymentLink | None = None, *, token: str | None = None, **order: Any
    ) -> PaymentAttempt:
        """Begin an attempt that the provider has not answered yet, in a browser with this token."""
        link = link or self.link(**order)
        with transaction():
            locked = lock(PaymentLink, PaymentLink.id == link.id)
            session, _ = sessions.start(locked, token)
            return attempts.begin(locked, session, actor="test")

    def pending(self, link: PaymentLink | None = None, **order: Any) -> PaymentAttempt:
        """Begin an attempt whose checkout is open at the provider."""
        attempt = self.created(link, **order)
        checkout_id = f"chk-{attempt.id}"
        made = Created(checkout_id, f"https://bank.example/{checkout_id}")
        creations.record(attempt.reference, made, actor="test")
        return attempt

    def overdue(self, link: PaymentLink, *, by: timedelta = timedelta(seconds=1)) -> None:
        """Move a link's end into the past, by PostgreSQL's clock."""
        self.change(link, expires_at=clock.now() - by)

    def change(self, row: Any, **columns: Any) -> None:
        """Set columns past all rules, as time or an accident would."""
        with transaction():
            db.session.execute(update(type(row)).where(type(row).id == row.id).values(**columns))
        db.session.refresh(row)


def fresh(row: Row) -> Row:
    """Return the row as the database has it at this moment."""
    db.session.refresh(row)
    return row


def everything(model: type[Row]) -> list[Row]:
    """Return every row of a table as the database has it, the oldest first."""
    query = select(model).order_by(model.__table__.c.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def observed(
    attempt: PaymentAttempt,
    state: ProviderState,
    *payments: Payment,
    **differing: Any,
) -> Observation:
    """Return what the provider would say of an attempt at a read."""
    said = Observation(
        account=attempt.provider_account.external_account,
        checkout_id=attempt.checkout_id or f"chk-{attempt.id}",
        reference=attempt.reference,
        is_live=False,
        state=state,
        raw_state=state.lower(),
        payments=payments,
        checkout_url=f"https://bank.example/chk-{attempt.id}",
    )
    return replace(said, **differing)


def paid(
    attempt: PaymentAttempt,
    *,
    money: Money | None = None,
    reference: str | None = None,
    paid_at: datetime | None = None,
    **differing: Any,
) -> Observation:
    """Return the observation that the attempt was paid, once and in full unless said otherwise."""
    payment = Payment(
        reference or f"pay-{attempt.id}", money or attempt.money, paid_at or clock.now()
    )
    return observed(attempt, ProviderState.PAID, payment, **differing)
