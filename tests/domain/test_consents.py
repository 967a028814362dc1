"""A merchant lets us act for their SumUp account."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from tests.conftest import Configure
from tests.domain.at_sumup import AtSumUp, sumup_of
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.errors import (
    AccountNotConnectedError,
    BusyError,
    ProviderRefusedError,
    ProviderUnreadableError,
)
from webapp.core.states import AccountState
from webapp.domain.budget import Budget
from webapp.domain.payments import account_changes, accounts, consents, credentials, tokens
from webapp.domain.payments.consents import Choice
from webapp.extensions import queue_redis
from webapp.models import ProviderAccount
from webapp.providers.base import Unreadable
from webapp.providers.probes import Accepted, Rejected
from webapp.providers.sumup_oauth import Membership


@pytest.fixture
def at_sumup(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


def sumups() -> list[ProviderAccount]:
    return [one for one in everything(ProviderAccount) if one.provider == "sumup"]


def chosen_of(at_sumup: AtSumUp) -> Choice:
    at_sumup.fake.also = {"MCSECOND": "Second Shop"}
    choice = consents.accept(at_sumup.shop, at_sumup.code(), actor="test")
    assert isinstance(choice, Choice)
    return choice


def test_a_consent_makes_an_account_with_the_facts_that_sumup_tells(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    assert (account.provider, account.external_account) == ("sumup", "MCTEST42")
    assert (account.is_live, account.state) == (False, AccountState.ACTIVE)
    assert account.options == {"name": "Sample Shop", "currency": "EUR"}
    assert account.token_expires_at is not None
    assert set(at_sumup.secrets(account)) == {"api_key", "refresh_token"}
    assert accounts.currencies(at_sumup.shop) == ["EUR"]


def test_a_second_consent_is_for_the_same_account(at_sumup: AtSumUp) -> None:
    first = at_sumup.by_consent()
    before = (first.hook_token, at_sumup.secrets(first)["api_key"])
    second = at_sumup.by_consent()
    assert sumups() == [second]
    assert second.hook_token == before[0]
    assert at_sumup.secrets(second)["api_key"] != before[1]


def test_a_consent_takes_the_place_of_a_key_and_keeps_the_secret_of_events(
    at_sumup: AtSumUp,
) -> None:
    account = at_sumup.by_key()
    account_changes.replace(account, {"event_secret": "evs-1"}, actor="test")
    again = at_sumup.by_consent()
    assert again.id == account.id
    assert at_sumup.secrets(again)["event_secret"] == "evs-1"
    account_changes.replace(again, {"api_key": at_sumup.fake.api_key}, actor="test")
    assert set(at_sumup.secrets(again)) == {"api_key", "event_secret"}
    assert fresh(again).token_expires_at is None


def test_another_secret_leaves_the_consent_as_it_is(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    before = account.token_expires_at
    account_changes.replace(account, {"event_secret": "evs-1"}, actor="test")
    assert fresh(account).token_expires_at == before
    assert before is not None
    assert set(at_sumup.secrets(account)) == {"api_key", "refresh_token", "event_secret"}


def test_an_account_that_was_disconnected_is_connected_again(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    account_changes.disconnect(account, actor="test")
    assert account_changes.end_disconnected() >= 1
    assert fresh(account).state is AccountState.DISCONNECTED
    assert at_sumup.by_consent().id == account.id
    assert fresh(account).state is AccountState.ACTIVE


def test_a_token_that_is_not_taken_is_renewed_before_anybody_says_that_the_account_is_broken(
    at_sumup: AtSumUp,
) -> None:
    account = at_sumup.by_consent()
    at_sumup.fake.forget_access_tokens()
    assert isinstance(account_changes.test(account), Unreadable)
    assert tokens.renew_due(Budget.of(seconds=30)).renewed == 1
    assert isinstance(account_changes.test(fresh(account)), Accepted)
    at_sumup.fake.revoke()
    account_changes.test(fresh(account))
    at_sumup.age(account, left=timedelta())
    assert tokens.renew_due(Budget.of(seconds=30)).lost == 1
    assert account_changes.test(fresh(account)) == Rejected("SumUp wants the consent anew")


@pytest.mark.parametrize("way", ["consent", "key"])
def test_what_could_not_be_read_is_read_at_once_when_an_account_is_connected_again(
    at_sumup: AtSumUp, make: Factories, way: str
) -> None:
    at_sumup.by_consent()
    attempt = make.pending()
    late = clock.now() + timedelta(hours=1)
    make.change(attempt, unreadable_count=5, next_check_at=late)
    at_sumup.by_consent() if way == "consent" else at_sumup.by_key()
    due = fresh(attempt).next_check_at
    assert due is not None
    assert due <= clock.now()


def test_a_code_is_worth_something_once(at_sumup: AtSumUp) -> None:
    code = at_sumup.code()
    consents.accept(at_sumup.shop, code, actor="test")
    before = at_sumup.secrets(sumups()[0])
    with pytest.raises(ProviderRefusedError, match="used, or is too old"):
        consents.accept(at_sumup.shop, code, actor="test")
    assert at_sumup.secrets(sumups()[0]) == before


def test_an_application_that_may_not_take_payments_connects_nothing(at_sumup: AtSumUp) -> None:
    at_sumup.fake.scopes = frozenset({"user.profile_readonly"})
    with pytest.raises(ProviderRefusedError, match="does not let this installation"):
        consents.accept(at_sumup.shop, at_sumup.code(), actor="test")
    assert sumups() == []


@pytest.mark.parametrize("call", ["token", "memberships", "merchant"])
@pytest.mark.parametrize("way", ["lost", "unavailable", "malformed"])
def test_a_sumup_that_cannot_be_read_connects_nothing(
    at_sumup: AtSumUp, call: str, way: str
) -> None:
    at_sumup.fake.misbehave(call, way)
    with pytest.raises(ProviderUnreadableError):
        consents.accept(at_sumup.shop, at_sumup.code(), actor="test")
    assert sumups() == []


def test_of_several_accounts_the_merchant_chooses_one(at_sumup: AtSumUp) -> None:
    choice = chosen_of(at_sumup)
    two = (Membership("MCTEST42", "Sample Shop"), Membership("MCSECOND", "Second Shop"))
    assert choice.memberships == two
    assert consents.choices(at_sumup.shop, choice.name) == two
    assert sumups() == []
    account = consents.choose(at_sumup.shop, choice.name, "MCSECOND", actor="test")
    assert (account.external_account, account.options["name"]) == ("MCSECOND", "Second Shop")
    assert account.token_expires_at is not None
    assert consents.choices(at_sumup.shop, choice.name) == ()
    with pytest.raises(ProviderRefusedError, match="begin anew"):
        consents.choose(at_sumup.shop, choice.name, "MCTEST42", actor="test")
    assert len(sumups()) == 1


@pytest.mark.parametrize("code", ["", "MCNOBODY", "MCINVITED"])
def test_what_was_not_offered_cannot_be_chosen(at_sumup: AtSumUp, code: str) -> None:
    choice = chosen_of(at_sumup)
    with pytest.raises(ProviderRefusedError):
        consents.choose(at_sumup.shop, choice.name, code, actor="test")
    assert sumups() == []


def test_a_choice_is_nobody_elses(at_sumup: AtSumUp, make: Factories) -> None:
    choice = chosen_of(at_sumup)
    stranger = make.merchant()
    assert consents.choices(stranger, choice.name) == ()
    with pytest.raises(ProviderRefusedError):
        consents.choose(stranger, choice.name, "MCTEST42", actor="test")
    assert consents.choices(at_sumup.shop, "x" * 100) == ()
    assert consents.choices(at_sumup.shop, choice.name) != ()


def test_a_choice_waits_encrypted_and_not_for_ever(at_sumup: AtSumUp) -> None:
    choice = chosen_of(at_sumup)
    (key,) = list(queue_redis.keys("consent:*"))
    kept = queue_redis.get(key)
    assert isinstance(kept, bytes)
    assert 0 < int(queue_redis.ttl(key)) <= consents.LASTS_S
    opened = credentials.unseal(kept)["consent"]
    assert "refresh_token" in opened
    assert b"refresh_token" not in kept
    assert choice.name not in repr(choice)


def test_a_choice_that_cannot_be_kept_is_said_so(
    at_sumup: AtSumUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "set", away)
    at_sumup.fake.also = {"MCSECOND": "Second Shop"}
    with pytest.raises(BusyError):
        consents.accept(at_sumup.shop, at_sumup.code(), actor="test")
    assert sumups() == []


def test_where_sumup_does_not_know_us_nobody_is_sent_there(
    make: Factories, configure: Configure
) -> None:
    configure(sumup_client_id="", sumup_client_secret="")
    assert not consents.is_offered()
    with pytest.raises(AccountNotConnectedError):
        consents.authorize_url("state")
