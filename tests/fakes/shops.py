"""Shops with an account at a fake provider: served over HTTP, reached through the adapter."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tests.fakes.billing import BASE, FakeBilling
from tests.fakes.paystack import FakePaystack
from tests.fakes.serving import served
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from webapp.core import clock, references
from webapp.core.money import Money
from webapp.providers import billing, http, paystack, stripe, sumup
from webapp.providers.base import (
    Access,
    CheckoutRequest,
    Created,
    Found,
    Handle,
    Observation,
)
from webapp.providers.connection import Connection

TIMEOUT_S = 20.0
_MARGIN = timedelta(minutes=1)


class Shop:
    """One account at one provider, with the few words that tests need most."""

    def __init__(self, connection: Connection, money: Money, notice_url: str) -> None:
        self.connection = connection
        self.access = connection.access
        self._money = money
        self._notice_url = notice_url

    def request(self, money: Money | None = None) -> CheckoutRequest:
        """Return a new wish to be paid."""
        limits = self.connection.adapter.CAPABILITIES
        return CheckoutRequest(
            reference=references.attempt_reference(),
            money=money or self._money,
            description="Two tickets",
            merchant_name="The Shop",
            return_url="http://127.0.0.1:9/back?returned=1",
            notice_url=self._notice_url,
            expires_at=clock.now() + max(timedelta(minutes=5), limits.min_expiry + _MARGIN),
            buyer_email="ada@example.org",
        )

    def checkout(self, money: Money | None = None) -> tuple[Created, Handle]:
        """Make a checkout."""
        request = self.request(money)
        made = self.connection.create(request, timeout_s=TIMEOUT_S)
        assert isinstance(made, Created), made
        return made, Handle(request.reference, made.checkout_id)

    def found(self, handle: Handle) -> Observation:
        """Read a checkout that is known."""
        read = self.connection.read(handle, timeout_s=TIMEOUT_S)
        assert isinstance(read, Found), read
        return read.observation


@contextmanager
def sumup_shop(fake: FakeSumUp, notice_url: str = "http://127.0.0.1:9/hook") -> Iterator[Shop]:
    """Serve a fake SumUp as long as the block runs; yield a shop with its API key."""
    with served(fake) as fake.url:
        access = Access(
            fake.merchant_code, not fake.is_sandbox, fake.url, {"api_key": fake.api_key}
        )
        yield Shop(Connection(sumup, access), Money(2500, fake.currency), notice_url)
        fake.close()
    http.close()


@contextmanager
def paystack_shop(fake: FakePaystack) -> Iterator[Shop]:
    """Serve a fake Paystack as long as the block runs; yield a shop with its secret key."""
    with served(fake) as fake.url:
        access = Access("412829", fake.mode == "live", fake.url, {"api_key": fake.api_key})
        yield Shop(Connection(paystack, access), Money(250_000, "NGN"), "unused")
        fake.close()
    http.close()


@contextmanager
def stripe_shop(
    fake: FakeStripe, notice_url: str | None = None, *, account: str | None = None
) -> Iterator[Shop]:
    """Serve a fake Stripe as long as the block runs; yield a shop, connected if it is named."""
    fake.endpoint = notice_url
    secrets = {"api_key": fake.api_key, "notice_secret": fake.secrets[-1]}
    options = {} if account is None else {"connected_account": account}
    is_live = fake.api_key.startswith("sk_live_")
    with served(fake) as fake.url:
        access = Access(account or fake.account, is_live, fake.url, secrets, options)
        yield Shop(Connection(stripe, access), Money(2500, "EUR"), "unused")
        fake.close()
    http.close()


@contextmanager
def billing_shop(fake: FakeBilling) -> Iterator[Shop]:
    """Serve a fake billing service as long as the block runs; yield a shop with its key."""
    with served(fake) as fake.url:
        access = Access("billing", True, f"{fake.url}{BASE}", {"api_key": fake.api_key})
        yield Shop(Connection(billing, access), Money(2500, "EUR"), "unused")
        fake.close()
    http.close()
