"""Each provider's own way at its fake, a process of its own: from Pay to the tickets."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from dev.fakes import PROVIDERS
from dev.office import Office
from tests.chromium import Console
from tests.e2e.conftest import Place, eventually
from tests.factories import EUR_25
from webapp.core.money import Money
from webapp.domain.payments import audit

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("place")]

PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Way:
    """What is paid at a provider, and how its page leads back."""

    money: Money = EUR_25
    price: str = "€25.00"
    # The link to the shop, where the buyer is not sent there.
    back: str | None = None


WAYS = {
    "sumup": Way(back="Back to the shop"),
    "paystack": Way(Money(250_000, "NGN"), "₦2,500.00"),
    "stripe": Way(),
    "billing": Way(),
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser; a complaint in its console fails the test."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
    console = Console()
    console.watch(context)
    yield context.new_page()
    context.close()
    assert console.unexpected() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_buyer_pays_at_the_provider_and_gets_the_tickets(
    place: Place, office: Office, page: Page, provider: str
) -> None:
    way = WAYS[provider]
    code = office.link(1, slug=f"demo-{provider}", money=way.money)
    address = f"{place.stack.url}/pay/{code}"

    page.goto(address)
    page.get_by_role("button", name=f"Pay {way.price}").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    if way.back is not None:
        page.get_by_role("link", name=way.back).click()

    expect(page.get_by_text("Paid", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(f"{address}/success")
    expect(page.get_by_text("2 tickets made · email delivered")).to_be_visible(timeout=PATIENCE_MS)
    query = "SELECT code, reference FROM payment_link WHERE code = ANY(%s)"
    reference = office.rows_of([code], query, within_s=1)[code]["reference"]
    assert len(eventually(lambda: place.mail(reference))) == 1
    with office.app.app_context():
        assert audit.run().is_clean
