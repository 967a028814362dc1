"""The shop of the factories as a customer of every provider at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.conftest import Configure
from tests.factories import Factories
from tests.fakes.billing import FakeBilling
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from tests.fakes.serving import served
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from webapp.domain.payments import account_changes
from webapp.models import ProviderAccount
from webapp.providers import http


@contextmanager
def fakes_of(configure: Configure) -> Iterator[dict[str, Fake]]:
    """Serve a fake of each provider as long as the block runs."""
    running: dict[str, Fake] = {
        "sumup": FakeSumUp(),
        "paystack": FakePaystack(),
        "stripe": FakeStripe(connected=["acct_2Other"]),
        "billing": FakeBilling(),
    }
    with (
        served(running["sumup"]) as sumup_url,
        served(running["paystack"]) as paystack_url,
        served(running["stripe"]) as stripe_url,
        served(running["billing"]) as billing_url,
    ):
        configure(
            sumup_url=sumup_url,
            paystack_url=paystack_url,
            stripe_url=stripe_url,
            billing_base_url=f"{billing_url}/billing/api/v1",
        )
        yield running
        for fake in running.values():
            fake.close()
    http.close()


def typed_for(fakes: Mapping[str, Fake], provider: str) -> dict[str, str | None]:
    """Return what opens the account at one of them."""
    key = fakes[provider].api_key  # type: ignore[attr-defined]  # each of them has one
    return {"api_key": key, "account": "MCTEST42" if provider == "sumup" else None}


def add(make: Factories, fakes: Mapping[str, Fake], provider: str) -> ProviderAccount:
    """Connect the shop's account at one of them."""
    return account_changes.add(make.shop, provider, typed_for(fakes, provider), actor="test")
