"""A provider account that gives no answers: everybody sees it, and somebody is told once."""

import pytest

from tests.domain.at_bank import AtBank, verify
from tests.domain.test_sick_accounts import all_due
from tests.factories import Factories, everything, fresh
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, breakers, check_leases, verification
from webapp.models import Alert, ProviderAccount
from webapp.providers.base import Handle, Read, Unreadable
from webapp.providers.connection import Connection


@pytest.fixture
def account(make: Factories) -> ProviderAccount:
    return accounts.active(make.shop)


def run() -> None:
    all_due()
    verification.run_due(Budget.of(seconds=30))


def answer(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    def say(_self: Connection, _handle: Handle, *, timeout_s: float) -> Read:
        del timeout_s
        return read

    monkeypatch.setattr(Connection, "read", say)


@pytest.mark.parametrize(
    ("read", "headline"),
    [
        (Unreadable("timed out", is_silent=True), "Provider Not Answering"),
        (Unreadable("not authorised", is_unauthorised=True), "Key Not Accepted"),
    ],
)
def test_an_account_that_rests_twice_is_told_of_once(
    make: Factories,
    account: ProviderAccount,
    monkeypatch: pytest.MonkeyPatch,
    read: Unreadable,
    headline: str,
) -> None:
    for _ in range(3):
        make.pending()
    answer(monkeypatch, read)
    run()
    assert (fresh(account).failures, account.last_failure) == (1, read.reason)
    assert account.failing_since is not None
    assert account.rests_until is not None
    assert everything(Alert) == []
    for _ in range(3):
        run()
    (alert,) = everything(Alert)
    assert alert.headline == f"{headline} - sandbox {account.external_account}"
    assert (alert.merchant_id, alert.ended_at) == (account.merchant_id, None)
    assert (fresh(account).failures, alert.times) == (4, 3)


def test_one_attempt_alone_that_fails_again_and_again_is_enough(
    make: Factories, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.pending()
    answer(monkeypatch, Unreadable("status 502", is_silent=True))
    for failures in (0, 0, 1, 2):
        run()
        assert fresh(account).failures == failures


def test_an_answer_that_makes_no_sense_is_its_attempts_own_affair(
    make: Factories, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        make.pending()
    answer(monkeypatch, Unreadable("the body is no JSON object"))
    for _ in range(3):
        run()
    assert fresh(account).failing_since is None


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_first_answer_heals_it_and_ends_the_alert(
    make: Factories, account: ProviderAccount, at_bank: AtBank, *, by_hand: bool
) -> None:
    attempt = at_bank.start()
    for _ in range(2):
        breakers.trip(account.id, Unreadable("timed out", is_silent=True), seconds=60)
    assert [alert.ended_at for alert in everything(Alert)] == [None]
    if by_hand:
        verify(attempt)
    else:
        run()
    (alert,) = everything(Alert)
    assert alert.ended_at is not None
    assert (fresh(account).failures, account.failing_since, account.rests_until) == (0, None, None)


def test_what_a_healed_account_failed_before_makes_no_long_rest_of_the_next_lost_answer(
    make: Factories,
    account: ProviderAccount,
    at_bank: AtBank,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, others = at_bank.start(), [at_bank.start() for _ in range(3)]
    with monkeypatch.context() as away:
        answer(away, Unreadable("timed out", is_silent=True))
        for _ in range(5):
            run()
    assert {fresh(one).unreadable_count for one in others} == {5}
    verify(first)
    assert {fresh(one).unreadable_count for one in others} == {0}
    assert check_leases.pull_forward(others[0].reference), "a buyer who waits may ask again"

    with monkeypatch.context() as away:
        answer(away, Unreadable("timed out", is_silent=True))
        verification.run_due(Budget.of(seconds=30, rows=1))
    assert fresh(account).failing_since is None, "one answer that is missing is no outage"
