"""Accounts are connected, given other keys, tested, disconnected; a wrong key changes nothing."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.at_all import add, fakes_of, typed_for
from tests.domain.side_by_side import raised, side_by_side
from tests.factories import Factories, everything, fresh, paid
from tests.fakes.faults import Fake
from webapp.core import clock
from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    NotFoundError,
    ProviderUnreadableError,
)
from webapp.core.states import AccountState
from webapp.domain.payments import account_changes, accounts, settlement
from webapp.models import Capture, ProviderAccount
from webapp.providers.base import Unreadable
from webapp.providers.probes import Accepted

CALLS: Mapping[str, str] = {
    "sumup": "merchant", "paystack": "verify", "stripe": "own_account", "billing": "read",
}  # fmt: skip


@pytest.fixture
def fakes(make: Factories, configure: Configure) -> Iterator[dict[str, Fake]]:
    with fakes_of(configure) as running:
        yield running


def others() -> list[ProviderAccount]:
    return [one for one in everything(ProviderAccount) if one.provider != "sandbox"]


@pytest.mark.parametrize(
    ("provider", "name", "is_live"),
    [
        ("sumup", "MCTEST42", False),
        ("paystack", "paystack-test", False),
        ("stripe", "acct_1Own", False),
        ("billing", "billing", True),
    ],
)
def test_an_account_is_connected_under_its_name_there(
    make: Factories, fakes: dict[str, Fake], provider: str, name: str, is_live: bool
) -> None:
    account = add(make, fakes, provider)
    assert (account.provider, account.external_account) == (provider, name)
    assert (account.is_live, account.state) == (is_live, AccountState.ACTIVE)
    assert account_changes.test(account) == Accepted(
        *{
            "sumup": ("MCTEST42", "Sample Shop", False, "EUR"),
            "stripe": ("acct_1Own",),
        }.get(provider, ())  # type: ignore[arg-type]  # whatever each tells
    )


@pytest.mark.parametrize("provider", CALLS)
def test_a_wrong_key_changes_nothing(
    make: Factories, fakes: dict[str, Fake], provider: str
) -> None:
    wrong = typed_for(fakes, provider) | {"api_key": "sk_test_wrong-key"}
    with pytest.raises(InvalidInputError, match="was refused by") as refusal:
        account_changes.add(make.shop, provider, wrong, actor="test")
    assert refusal.value.field == "api_key"
    assert "wrong-key" not in str(refusal.value)
    assert others() == []
    account = add(make, fakes, provider)
    before = account.credentials
    with pytest.raises(InvalidInputError, match="was refused by"):
        account_changes.replace(account, wrong, actor="test")
    assert fresh(account).credentials == before


@pytest.mark.parametrize("provider", CALLS)
def test_a_provider_that_cannot_be_read_is_said_and_can_be_overruled(
    make: Factories, fakes: dict[str, Fake], provider: str
) -> None:
    fakes[provider].misbehave(CALLS[provider], "unavailable", times=2)
    typed = typed_for(fakes, provider)
    with pytest.raises(ProviderUnreadableError, match="nothing was stored"):
        account_changes.add(make.shop, provider, typed, actor="test")
    assert others() == []
    if provider == "stripe":
        with pytest.raises(InvalidInputError, match="account: is needed where nothing"):
            account_changes.add(make.shop, provider, typed, is_checked=False, actor="test")
        typed["connected_account"] = "acct_2Other"
    account = account_changes.add(make.shop, provider, typed, is_checked=False, actor="test")
    assert isinstance(account_changes.test(account), Unreadable)
    assert isinstance(account_changes.test(account), Accepted)


@pytest.mark.parametrize(
    ("provider", "typed", "field"),
    [
        ("sumup", {"api_key": "k"}, "account"),
        ("sumup", {"account": "M1"}, "api_key"),
        ("sumup", {"account": "M 1", "api_key": "k"}, "account"),
        ("sumup", {"account": "../x", "api_key": "k"}, "account"),
        ("sumup", {"account": "M1", "api_key": "k\r\nX-Evil: 1"}, "api_key"),
        ("sumup", {"account": "M1", "api_key": "k" * 501}, "api_key"),
        ("paystack", {"api_key": "pk_test_1"}, "api_key"),
        ("paystack", {"api_key": "sk_1"}, "api_key"),
        ("stripe", {"api_key": "pk_live_1"}, "api_key"),
        ("stripe", {"api_key": "sk_live_1", "notice_secret": "ä"}, "notice_secret"),
        ("billing", {"create_path": "paysession"}, "create_path"),
        ("billing", {"cancel_path": "/paysession"}, "cancel_path"),
        ("billing", {"create_path": "/a b"}, "create_path"),
        ("billing", {"create_path": "/../../users"}, "create_path"),
        ("billing", {"cancel_path": "/a/./../{checkout_id}"}, "cancel_path"),
        ("sandbox", {}, "provider"),
        ("paypal", {}, "provider"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field_and_never_repeated(
    make: Factories, provider: str, typed: dict[str, str | None], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        account_changes.add(make.shop, provider, typed, actor="test")
    assert refusal.value.field == field
    assert not any(value and len(value) > 5 and value in str(refusal.value)
                   for value in typed.values())  # fmt: skip
    assert others() == []


def test_a_merchant_has_no_two_rows_for_one_account(
    make: Factories, fakes: dict[str, Fake], rows: Flask
) -> None:
    first = add(make, fakes, "stripe")
    hook_token = first.hook_token
    assert add(make, fakes, "stripe").id == first.id
    assert fresh(first).hook_token == hook_token
    merchant = make.shop
    typed = typed_for(fakes, "billing")

    def connect() -> object:
        return raised(lambda: account_changes.add(merchant, "billing", typed, actor="test"))

    assert side_by_side(rows, [connect] * 4) == [None] * 4
    assert [one.provider for one in others()] == ["stripe", "billing"]


def test_an_account_does_not_turn_from_pretend_money_to_real_money(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    account = add(make, fakes, "stripe")
    real = {"api_key": "sk_live_of-the-fake"}
    fakes["stripe"].api_key = "sk_live_of-the-fake"  # type: ignore[attr-defined]  # a Stripe
    with pytest.raises(InvalidInputError, match="is for real money"):
        account_changes.add(make.shop, "stripe", real, actor="test")
    with pytest.raises(InvalidInputError, match="is for real money"):
        account_changes.replace(account, real, actor="test")
    with pytest.raises(InvalidInputError, match="is for real money"):
        account_changes.replace(account, real, is_checked=False, actor="test")
    assert not fresh(account).is_live


def test_an_account_is_disconnected_once_nothing_is_read_with_it(make: Factories) -> None:
    attempt = make.pending()
    account = attempt.provider_account
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    account_changes.disconnect(account, actor="test")
    account_changes.disconnect(account, actor="test")
    assert fresh(account).state is AccountState.DISCONNECTING
    with pytest.raises(AccountNotConnectedError):
        accounts.active(make.shop)
    assert account_changes.end_disconnected() == 0
    make.change(attempt, watch_until=clock.now() - timedelta(seconds=1))
    (capture,) = everything(Capture)
    make.change(capture, next_look_at=clock.now() + timedelta(days=1))
    assert account_changes.end_disconnected() == 0
    make.change(capture, next_look_at=None)
    assert account_changes.end_disconnected() == 1
    assert fresh(account).state is AccountState.DISCONNECTED
    account_changes.disconnect(account, actor="test")
    assert fresh(account).state is AccountState.DISCONNECTED


@pytest.mark.parametrize("ends", [False, True])
def test_an_account_is_connected_again_with_the_keys_that_are_stored(
    make: Factories, *, ends: bool
) -> None:
    account = accounts.active(make.shop)
    before = account.credentials
    account_changes.disconnect(account, actor="test")
    if ends:
        assert account_changes.end_disconnected() == 1
    account_changes.reconnect(account, actor="test")
    account_changes.reconnect(account, actor="test")
    assert accounts.active(make.shop) == account
    assert fresh(account).credentials == before


def test_another_merchants_account_is_not_there(make: Factories) -> None:
    stranger = make.merchant()
    account = accounts.active(make.shop)
    assert accounts.get(make.shop, account.id) == account
    assert account not in accounts.of_merchant(stranger)
    for number in (account.id, 0, -1):
        with pytest.raises(NotFoundError):
            accounts.get(stranger, number)


def test_changes_are_logged_with_who_made_them_and_without_secrets(
    make: Factories, fakes: dict[str, Fake]
) -> None:
    with capture_logs() as logs:
        account = add(make, fakes, "stripe")
        account_changes.replace(account, typed_for(fakes, "stripe"), actor="user:7")
        account_changes.disconnect(account, actor="user:7")
        account_changes.end_disconnected()
        account_changes.reconnect(account, actor="user:7")
    told = [log["event"] for log in logs if log["event"].startswith("account_")]
    assert told == [
        "account_connected",
        "account_replaced",
        "account_disconnecting",
        "account_disconnected",
        "account_reconnected",
    ]
    assert {log["actor"] for log in logs if log["event"] == "account_replaced"} == {"user:7"}
    assert "of-the-fake" not in str(logs)
    assert "of-the-fake" not in repr((account, accounts.connection(account)))
