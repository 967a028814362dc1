"""A shop of the factories with its account at a fake provider that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select

from tests.conftest import Configure
from tests.domain.at_bank import verify
from tests.factories import Factories, everything
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import paystack_shop, stripe_shop, sumup_shop
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.sandbox.merchant import press
from webapp.core.money import Money
from webapp.domain.payments import accounts, checkouts
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt

FAKES = {"sumup": FakeSumUp, "paystack": FakePaystack, "stripe": FakeStripe}
_SHOPS = {"sumup": sumup_shop, "paystack": paystack_shop, "stripe": stripe_shop}
_MONEY = {
    "sumup": Money(2500, "EUR"),
    "paystack": Money(250_000, "NGN"),
    "stripe": Money(2500, "EUR"),
}


@dataclass
class AtFake:
    """One provider that is a fake, and a shop that is paid there."""

    fake: Fake
    provider: str
    make: Factories

    def taken(self) -> Capture:
        """Have a link paid; return the money."""
        link = self.make.link(money=_MONEY[self.provider])
        started = checkouts.start(link.code, token=None, buyer_email=None)
        attempt = db.session.scalars(
            select(PaymentAttempt).where(PaymentAttempt.reference == started.attempt_reference)
        ).one()
        assert attempt.checkout_url is not None
        press(attempt.checkout_url, "pay")
        verify(attempt)
        return everything(Capture)[-1]


@contextmanager
def at_fake(provider: str, make: Factories, configure: Configure) -> Iterator[AtFake]:
    """Serve a fake as long as the block runs; the shop's account is there and nowhere else."""
    fake = FAKES[provider]()
    with _SHOPS[provider](fake) as shop:  # type: ignore[operator]  # each takes its own fake
        configure(**{f"{provider}_url": fake.url})
        merchant = make.merchant()
        make.settle_at(merchant)
        with transaction():
            for account in accounts.of_merchant(merchant):
                db.session.delete(account)
            db.session.flush()
            accounts.connect(
                merchant,
                provider,
                shop.access.account,
                is_live=shop.access.is_live,
                secrets=shop.access.secrets,
                options=shop.access.options,
            )
        yield AtFake(fake, provider, make)
