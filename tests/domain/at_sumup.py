"""The shop of the factories as a customer of a fake SumUp, by a key or by a consent."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from werkzeug.wrappers import Request, Response

from tests.conftest import Configure
from tests.factories import Factories, fresh
from tests.fakes.serving import served
from tests.fakes.shops import TIMEOUT_S
from tests.fakes.sumup import FakeSumUp
from webapp.core import clock
from webapp.domain.payments import account_changes, accounts, consents, credentials, tokens
from webapp.domain.transaction import step_outside
from webapp.models import Merchant, PaymentAttempt, ProviderAccount
from webapp.providers import http
from webapp.providers.base import CheckoutRequest, Creation

# What is left of a token: so little that it is renewed, or nothing.
SOON = timedelta(minutes=14)
PAST = timedelta(seconds=-1)


class CountingSumUp(FakeSumUp):
    """Counts the calls for tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.token_calls = 0

    def token(self, request: Request) -> Response:
        """Answer as ever."""
        self.token_calls += 1
        return super().token(request)


class AtSumUp:
    """A fake SumUp that runs, and a merchant who has or gets an account there."""

    def __init__(self, make: Factories, fake: CountingSumUp) -> None:
        self._make = make
        self.fake = fake

    @property
    def shop(self) -> Merchant:
        """The merchant: the sandbox account of the factories is in nobody's way."""
        return self._make.shop

    def code(self) -> str:
        """Agree at SumUp, and return the code that comes of it."""
        return parse_qs(urlsplit(self.fake.agree()).query)["code"][0]

    def by_consent(self) -> ProviderAccount:
        """Connect the shop by a consent."""
        account = consents.accept(self.shop, self.code(), actor="test")
        assert isinstance(account, ProviderAccount)
        self._without_the_bank()
        return account

    def by_key(self) -> ProviderAccount:
        """Connect the shop by an API key."""
        typed = {"account": self.fake.merchant_code, "api_key": self.fake.api_key}
        account = account_changes.add(self.shop, "sumup", typed, actor="test")
        self._without_the_bank()
        return account

    def age(self, account: ProviderAccount, *, left: timedelta) -> None:
        """Let a token end after this time, and let the account have rested."""
        self._make.change(
            account,
            token_expires_at=clock.now() + left,
            refresh_lease_token=None,
            refresh_lease_until=None,
        )

    def secrets(self, account: ProviderAccount) -> dict[str, str]:
        """Return what is stored, opened."""
        return credentials.unseal(fresh(account).credentials)

    def _without_the_bank(self) -> None:
        bank = accounts.of_provider(self.shop, "sandbox")
        assert bank is not None
        account_changes.disconnect(bank, actor="test")


@contextmanager
def sumup_of(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    """Serve a fake SumUp that knows this deployment as long as the block runs."""
    fake = CountingSumUp()
    with served(fake) as fake.url:
        settings = configure(
            sumup_url=fake.url,
            sumup_client_id=fake.client_id,
            sumup_client_secret=fake.client_secret,
        )
        fake.redirect_uri = f"{settings.base_url}{consents.CALLBACK}"
        yield AtSumUp(make, fake)
        fake.close()
    http.close()


def request_of(attempt: PaymentAttempt) -> CheckoutRequest:
    """Return the request that was stored with an attempt."""
    return CheckoutRequest.from_json(attempt.request)


def create(
    make: Factories, account: ProviderAccount, attempt: PaymentAttempt | None = None
) -> Creation:
    """Ask for an attempt's checkout, or for one of a new attempt."""
    attempt = attempt or make.created()
    connection, request = accounts.connection(fresh(account)), request_of(attempt)
    step_outside()
    return tokens.create(account.id, connection, request, timeout_s=TIMEOUT_S)
