"""A new key takes the place of the old one of the same account, and of nothing else."""

from collections.abc import Iterator

import pytest

from tests.conftest import Configure
from tests.domain.at_all import add, fakes_of, typed_for
from tests.factories import Factories, fresh
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from webapp.core.errors import AccountNotConnectedError, InvalidInputError
from webapp.domain.payments import account_changes, accounts, credentials
from webapp.providers.probes import Accepted, Rejected


@pytest.fixture
def fakes(make: Factories, configure: Configure) -> Iterator[dict[str, Fake]]:
    with fakes_of(configure) as running:
        yield running


def test_the_key_of_another_account_does_not_replace_this_ones(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    account = add(make, fakes, "stripe")
    fakes["stripe"].account = "acct_9New"  # type: ignore[attr-defined]  # a Stripe
    typed = typed_for(fakes, "stripe")
    with pytest.raises(InvalidInputError, match="another account's: that of acct_9New"):
        account_changes.replace(account, typed, actor="test")
    assert account_changes.test(account) == Rejected("the key is for another account: acct_9New")


def test_what_is_left_empty_stays_as_it_was(make: Factories, fakes: dict[str, Fake]) -> None:
    account = add(make, fakes, "stripe")
    account_changes.replace(account, {"notice_secret": "whsec_1", "api_key": ""}, actor="test")
    stored = credentials.unseal(fresh(account).credentials)
    assert stored == {"api_key": "sk_test_of-the-fake", "notice_secret": "whsec_1"}
    with pytest.raises(InvalidInputError, match="nothing was entered"):
        account_changes.replace(account, {}, actor="test")


def test_notices_that_were_signed_with_paystacks_old_key_are_still_understood(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    paystack = fakes["paystack"]
    assert isinstance(paystack, FakePaystack)
    account, old = add(make, fakes, "paystack"), paystack.api_key
    paystack.api_key = "sk_test_another"
    account_changes.replace(account, {"api_key": "sk_test_another"}, actor="test")
    stored = credentials.unseal(fresh(account).credentials)
    assert stored == {"api_key": "sk_test_another", "previous_api_key": old}


def test_credentials_whose_key_is_lost_can_only_be_replaced(
    make: Factories, fakes: dict[str, Fake], configure: Configure
) -> None:
    account = add(make, fakes, "billing")
    lost = b"of a key that is lost"
    make.change(account, credentials=lost)
    assert isinstance(account_changes.test(account), Rejected)
    with pytest.raises(InvalidInputError, match="api_key: is needed"):
        account_changes.replace(account, {"create_path": "/new"}, is_checked=False, actor="test")
    configure(apikey="the-key-of-the-fake-billing")
    with pytest.raises(InvalidInputError, match="api_key: is needed"):
        account_changes.add(make.shop, "billing", {}, may_borrow=True, actor="test")
    assert fresh(account).credentials == lost, "its key may come back"
    account_changes.replace(account, typed_for(fakes, "billing"), actor="test")
    assert account_changes.test(fresh(account)) == Accepted()


def test_a_billing_service_falls_back_on_the_key_of_the_installation(
    make: Factories, fakes: dict[str, Fake], configure: Configure
) -> None:
    account = account_changes.add(make.shop, "billing", {}, may_borrow=True, actor="test")
    assert account_changes.test(account) == Rejected("the account is not configured: it has no key")
    with pytest.raises(AccountNotConnectedError):
        accounts.connection(account)
    configure(apikey="the-key-of-the-fake-billing")
    assert account_changes.test(account) == Accepted()
    configure(apikey="another")
    with pytest.raises(InvalidInputError, match="was refused by Billing service"):
        account_changes.add(
            make.shop, "billing", {"account": "second"}, may_borrow=True, actor="test"
        )


def test_the_key_of_the_installation_opens_no_other_path(
    make: Factories, fakes: dict[str, Fake], configure: Configure
) -> None:
    configure(apikey="the-key-of-the-fake-billing")
    paths = {"create_path": "/users", "cancel_path": "/users/{checkout_id}"}
    account = account_changes.add(make.shop, "billing", {}, may_borrow=True, actor="test")
    for name, path in paths.items():
        with pytest.raises(InvalidInputError, match="api_key: is needed where a path"):
            account_changes.add(make.shop, "billing", {name: path}, may_borrow=True, actor="test")
        for is_checked in (True, False):
            with pytest.raises(InvalidInputError, match="api_key: is needed where a path"):
                account_changes.replace(account, {name: path}, is_checked=is_checked, actor="test")
    assert fresh(account).options == {}
    account_changes.replace(account, typed_for(fakes, "billing") | paths, actor="test")
    assert fresh(account).options == paths


@pytest.mark.parametrize("provider", ["paystack", "billing"])
def test_a_second_account_that_nobody_named_does_not_take_the_place_of_the_first(
    make: Factories, fakes: dict[str, Fake], provider: str
) -> None:
    account = add(make, fakes, provider)
    before = account.credentials
    fakes[provider].api_key = "sk_test_of-another"  # type: ignore[attr-defined]  # each has one
    for is_checked in (True, False):
        with pytest.raises(InvalidInputError, match=r"account: is needed: .* another key"):
            account_changes.add(
                make.shop, provider, {"api_key": "sk_test_of-another"}, is_checked=is_checked,
                actor="test",
            )  # fmt: skip
    assert fresh(account).credentials == before
    typed = {"api_key": "sk_test_of-another", "account": "second"}
    assert account_changes.add(make.shop, provider, typed, actor="test").id != account.id


def test_an_account_is_not_moved_to_another_connected_account(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    account = add(make, fakes, "stripe")
    with pytest.raises(InvalidInputError, match="connected_account: is another account"):
        account_changes.replace(
            account, {"connected_account": "acct_2Other"}, is_checked=False, actor="test"
        )
    assert fresh(account).options == {}


def test_what_the_provider_said_of_an_account_stays_where_it_is_not_asked(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    account = add(make, fakes, "sumup")
    before = (account.is_live, account.options)
    typed = typed_for(fakes, "sumup")
    account_changes.add(make.shop, "sumup", typed, is_checked=False, actor="test")
    assert (fresh(account).is_live, account.options) == before
    assert before == (False, {"name": "Sample Shop", "currency": "EUR"})
