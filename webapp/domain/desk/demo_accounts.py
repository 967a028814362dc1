"""Demo merchants with an account at a pretended provider, so that each dialect can be tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.money import Money
from webapp.domain.desk import demo, demo_links, merchants, users
from webapp.domain.payments import accounts, links
from webapp.domain.transaction import transaction
from webapp.extensions import settings
from webapp.models import Merchant

_TITLE: Final = "Two tickets for an evening of small songs"
# What two tickets cost there: NGN 25 would be below the least amount of Paystack.
_PRICES: Final[Mapping[str, str]] = MappingProxyType({"EUR": "25.00", "NGN": "2500.00"})


@dataclass(frozen=True)
class Wish:
    """An account to be connected; its secrets are as pretended as the provider."""

    provider: str
    account: str
    currency: str
    secrets: Mapping[str, str]

    @classmethod
    def from_json(cls, written: Mapping[str, object]) -> Self:
        """Read what a pretended provider tells of its account.

        Raises:
            InvalidInputError: something is missing.
        """
        names = ("provider", "account", "currency")
        secrets = written.get("secrets")
        if not isinstance(secrets, dict) or not all(name in written for name in names):
            raise InvalidInputError("account", "is not an account")
        provider, account, currency = (str(written[name]) for name in names)
        return cls(provider, account, currency, {str(key): str(secrets[key]) for key in secrets})


@dataclass(frozen=True)
class DemoAccount:
    """A merchant that is paid at one provider, and something to pay."""

    merchant: Merchant
    owner_email: str
    payable_code: str
    notice_url: str


def prepare(wish: Wish) -> DemoAccount:
    """Make what is missing of a provider's demo. Each time it has a new link to pay.

    A pretended provider forgets all when it stops, so a payment that was begun there last time may
    never end.

    Raises:
        AccountNotConnectedError: there is no such provider.
        InvalidInputError: this is a production, whose merchants are real.
    """
    if settings.is_production:
        raise InvalidInputError("account", "is pretended, and this is a production")
    slug = f"{demo.SLUG}-{wish.provider}"
    try:
        merchant = merchants.get(slug)
    except NotFoundError:
        merchant = merchants.make(
            slug,
            f"The Small Stage ({wish.provider})",
            support_email="help@stage.example",
            timezone="Europe/Berlin",
        )
    with transaction():
        account = accounts.connect(
            merchant, wish.provider, wish.account, is_live=False, secrets=wish.secrets
        )
        notice_url = accounts.notice_url(account)
    owner_email = f"{wish.provider}@stage.example"
    if owner_email not in users.addresses(merchant):
        users.make(merchant, email=owner_email, password=demo.PASSWORD, name="Olive Owner")
    return DemoAccount(merchant, owner_email, _payable(merchant, wish.currency), notice_url)


def _payable(merchant: Merchant, currency: str) -> str:
    order = links.Order(
        title=_TITLE,
        money=Money.parse(_PRICES[currency], currency),
        buyer_email="buyer@buyers.example",
        buyer_name="Ada Buyer",
        ticket_count=2,
    )
    made = links.make(merchant, order, actor=demo_links.ACTOR)
    return links.open_(merchant, made.reference, actor=demo_links.ACTOR).code
