"""A shop of the factories with its account at a fake provider that runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tests.conftest import Configure
from tests.domain.at_bank import verify
from tests.factories import Factories, everything
from tests.fakes.billing import FakeBilling
from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import billing_shop, paystack_shop, stripe_shop, sumup_shop
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.sandbox.merchant import press
from webapp.core.money import Money
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts, checkouts
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Capture, PaymentAttempt, PaymentLink, ProviderAccount
from webapp.providers.connection import Connection

FAKES: Mapping[str, Any] = {
    "sumup": FakeSumUp,
    "paystack": FakePaystack,
    "stripe": FakeStripe,
    "billing": FakeBilling,
}
_SHOPS: Mapping[str, Any] = {
    "sumup": sumup_shop,
    "paystack": paystack_shop,
    "stripe": stripe_shop,
    "billing": billing_shop,
}
# Those that send money back.
REFUNDING = ("sumup", "paystack", "stripe")
_SETTINGS = {"billing": "billing_base_url"}
_NAIRA, _EUROS = Money(250_000, "NGN"), Money(2500, "EUR")


@dataclass
class AtFake:
    """One provider that is a fake, and a shop that is paid there and nowhere else."""

    fake: Any  # each has levers of its own
    account: ProviderAccount
    make: Factories

    @property
    def money(self) -> Money:
        """What its links ask for."""
        return _NAIRA if self.account.provider == "paystack" else _EUROS

    @property
    def connection(self) -> Connection:
        """The way to the fake, past all rules."""
        return accounts.connection(self.account)

    def link(self) -> PaymentLink:
        """Make an OPEN link."""
        return self.make.link(money=self.money)

    def start(self, link: PaymentLink | None = None) -> PaymentAttempt:
        """Press "Pay" as a buyer without a cookie does, and return the attempt."""
        started = checkouts.start((link or self.link()).code, token=None, buyer_email=None)
        query = select(PaymentAttempt).where(PaymentAttempt.reference == started.attempt_reference)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    def taken(self) -> Capture:
        """Have a link paid; return the money."""
        attempt = self.start()
        assert attempt.checkout_url is not None
        press(attempt.checkout_url, "pay")
        verify(attempt)
        return everything(Capture)[-1]


@contextmanager
def at_fake(
    provider: str,
    make: Factories,
    configure: Configure,
    *,
    fake: Any = None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[AtFake]:
    """Serve a fake as long as the block runs, with the shop of the factories as its customer.

    Args:
        provider: whose fake it is.
        make: whose shop.
        configure: says where the fake is.
        fake: a certain one, otherwise a new one.
        secrets: the account's, where they are not those that open it.
    """
    fake = fake or FAKES[provider]()
    with _SHOPS[provider](fake) as shop:
        configure(**{_SETTINGS.get(provider, f"{provider}_url"): shop.access.base_url})
        merchant = merchants.make(f"at-{provider}", f"At {provider}", support_email=None)
        make.settle_at(merchant)
        with transaction():
            account = accounts.connect(
                merchant,
                provider,
                shop.access.account,
                is_live=shop.access.is_live,
                secrets=shop.access.secrets if secrets is None else secrets,
                options=shop.access.options,
            )
        yield AtFake(fake, account, make)
