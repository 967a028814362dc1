"""What a provider would refuse is refused when a link is opened, not when its buyer pays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import Factories
from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.payments import accounts, links
from webapp.models import ProviderAccount
from webapp.providers import paystack


@pytest.fixture
def account(make: Factories) -> ProviderAccount:
    return accounts.active(make.shop)


@pytest.mark.parametrize(
    ("provider", "minor", "currency", "field"),
    [
        ("sumup", 2500, "NGN", "currency"),
        ("paystack", 2500, "EUR", "currency"),
        ("paystack", 4_999, "NGN", "amount"),
        ("paystack", 5_000, "NGN", None),
        ("stripe", 49, "EUR", "amount"),
        ("stripe", 50, "EUR", None),
        ("billing", 1, "EUR", None),
    ],
)
def test_a_link_that_the_provider_would_refuse_stays_a_draft(
    make: Factories,
    account: ProviderAccount,
    provider: str,
    minor: int,
    currency: str,
    field: str | None,
) -> None:
    make.change(account, provider=provider)
    link = make.draft(money=Money(minor, currency))
    if field is None:
        assert links.open_(make.shop, link.code, actor="test").state is LinkState.OPEN
        return
    with pytest.raises(InvalidInputError) as caught:
        links.open_(make.shop, link.code, actor="test")
    assert caught.value.field == field
    assert links.get(make.shop, link.code).state is LinkState.DRAFT


def test_an_account_of_one_currency_takes_no_other(
    make: Factories, account: ProviderAccount
) -> None:
    make.change(account, provider="sumup", options={"currency": "GBP"})
    assert make.link(money=Money(2500, "GBP")).state is LinkState.OPEN
    with pytest.raises(InvalidInputError, match="which is in GBP"):
        make.link(money=Money(2500, "EUR"))


def test_what_cannot_be_closed_must_not_outlive_its_link(
    make: Factories, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = replace(paystack.CAPABILITIES, min_expiry=timedelta(minutes=30))
    monkeypatch.setattr(paystack, "CAPABILITIES", longer)
    make.change(account, provider="paystack")
    naira = Money(250_000, "NGN")
    with pytest.raises(InvalidInputError) as caught:
        make.link(money=naira, expires_at=clock.now() + timedelta(minutes=29))
    assert caught.value.field == "expires_at"
    make.link(money=naira, expires_at=clock.now() + timedelta(minutes=31))
    make.change(account, provider="stripe")
    make.link(expires_at=clock.now() + timedelta(minutes=1))
