"""A shop of its own at a fake provider, reached over real HTTP and through an account row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select

from tests.conftest import Configure
from tests.factories import Factories
from tests.fakes.faults import Fake
from tests.fakes.serving import served
from webapp.core.money import Money
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts, checkouts
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink, ProviderAccount
from webapp.providers import http
from webapp.providers.connection import Connection


class AtFake:
    """One merchant with one account."""

    def __init__(self, make: Factories, account: ProviderAccount, money: Money) -> None:
        self._make = make
        self.account = account
        self.money = money

    @property
    def connection(self) -> Connection:
        """The way to the fake, past all rules."""
        return accounts.connection(self.account)

    def link(self) -> PaymentLink:
        """Make an OPEN link over what the account takes."""
        return self._make.link(money=self.money)

    def start(self, link: PaymentLink | None = None) -> PaymentAttempt:
        """Press "Pay" as a buyer without a cookie does, and return the attempt."""
        started = checkouts.start((link or self.link()).code, token=None, buyer_email=None)
        query = select(PaymentAttempt).where(PaymentAttempt.reference == started.attempt_reference)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()


@contextmanager
def shop_at(
    fake: Fake,
    make: Factories,
    configure: Configure,
    *,
    setting: str,
    account: str,
    secrets: Mapping[str, str],
    money: Money,
    path: str = "",
) -> Iterator[AtFake]:
    """Serve a fake as long as the block runs, and connect the shop of the factories to it alone."""
    with served(fake) as fake.url:
        configure(**{setting: f"{fake.url}{path}"})
        merchant = merchants.make("at-fake", "At a fake", support_email=None)
        provider = {"sumup_url": "sumup", "paystack_url": "paystack", "stripe_url": "stripe"}
        with transaction():
            connected = accounts.connect(
                merchant,
                provider.get(setting, "billing"),
                account,
                is_live=False,
                secrets=secrets,
            )
        make.settle_at(merchant)
        yield AtFake(make, connected, money)
        fake.close()
    http.close()
