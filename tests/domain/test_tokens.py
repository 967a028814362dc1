"""Access tokens are renewed in time, by one worker at once, and never under a lock."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.at_sumup import PAST, SOON, AtSumUp, create, sumup_of
from tests.domain.side_by_side import meanwhile, side_by_side, wait_for
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.states import AccountState
from webapp.domain.budget import Budget
from webapp.domain.payments import account_changes, attempts, tokens
from webapp.domain.payments.tokens import Summary
from webapp.models import Alert
from webapp.providers.base import Created, Refused
from webapp.providers.probes import Accepted


@pytest.fixture
def at_sumup(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


def run() -> Summary:
    return tokens.renew_due(Budget.of(seconds=30))


def test_a_token_is_renewed_before_it_ends_and_not_long_before(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    before = at_sumup.secrets(account)
    assert run() == Summary()
    at_sumup.age(account, left=SOON)
    assert run() == Summary(renewed=1)
    after = at_sumup.secrets(account)
    assert after["api_key"] != before["api_key"]
    assert after["refresh_token"] != before["refresh_token"]
    assert account.token_expires_at is not None
    assert account.token_expires_at > clock.now() + timedelta(minutes=50)
    assert account.refresh_lease_until is not None
    assert run() == Summary()
    assert isinstance(account_changes.test(account), Accepted)


def test_where_tokens_do_not_rotate_the_old_refresh_token_is_kept(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    at_sumup.fake.rotates = False
    before = at_sumup.secrets(account)["refresh_token"]
    for _ in range(2):
        at_sumup.age(account, left=SOON)
        assert run() == Summary(renewed=1)
    assert at_sumup.secrets(account)["refresh_token"] == before


def test_an_account_with_a_key_of_its_own_is_never_renewed(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_key()
    tokens.note_unauthorised(account.id)
    assert fresh(account).token_expires_at is None
    assert run() == Summary()
    assert at_sumup.fake.token_calls == 0


@pytest.mark.parametrize("round_", range(3))
def test_two_workers_that_renew_at_once_make_one_call(
    rows: Flask, at_sumup: AtSumUp, round_: int
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    calls = at_sumup.fake.token_calls
    at_sumup.fake.misbehave("token", "late", times=2, seconds=0.3)
    done = side_by_side(rows, [run, run])
    assert at_sumup.fake.token_calls == calls + 1
    assert sum(one.renewed for one in done) == 1
    assert fresh(account).consent_lost_at is None


def test_while_one_renews_a_token_nobody_else_does(
    rows: Flask, at_sumup: AtSumUp, other: psycopg.Connection
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    calls = at_sumup.fake.token_calls
    at_sumup.fake.misbehave("token", "late", seconds=60)
    with meanwhile(rows, run) as done:
        wait_for(
            other,
            "SELECT refresh_lease_token IS NOT NULL FROM provider_account WHERE id = %s",
            account.id,
        )
        assert run() == Summary()
        at_sumup.fake.close()
        assert done.result(30) == Summary(renewed=1)
    assert at_sumup.fake.token_calls == calls + 1


def test_nothing_is_locked_while_sumup_says_nothing(
    rows: Flask, at_sumup: AtSumUp, other: psycopg.Connection
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    at_sumup.fake.misbehave("token", "late", seconds=60)
    with meanwhile(rows, run) as done:
        wait_for(other, "SELECT refresh_lease_token IS NOT NULL FROM provider_account"
                        " WHERE id = %s", account.id)  # fmt: skip
        other.execute(
            "SELECT 1 FROM provider_account WHERE id = %s FOR UPDATE NOWAIT", [account.id]
        )
        at_sumup.fake.close()
        assert done.result(30) == Summary(renewed=1)


def test_who_lost_the_lease_writes_nothing_over_a_new_key(
    rows: Flask, at_sumup: AtSumUp, make: Factories, other: psycopg.Connection
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    at_sumup.fake.misbehave("token", "late", seconds=60)
    with meanwhile(rows, run) as done:
        wait_for(other, "SELECT refresh_lease_token IS NOT NULL FROM provider_account"
                        " WHERE id = %s", account.id)  # fmt: skip
        at_sumup.by_key()
        at_sumup.fake.close()
        assert done.result(30) == Summary(failed=1)
    assert at_sumup.secrets(account) == {"api_key": at_sumup.fake.api_key}
    assert fresh(account).token_expires_at is None


def test_tokens_that_come_after_the_lease_was_lost_are_kept_where_they_are_the_only_ones(
    rows: Flask, at_sumup: AtSumUp, make: Factories, other: psycopg.Connection
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    before = at_sumup.secrets(account)
    at_sumup.fake.misbehave("token", "late", seconds=60)
    with meanwhile(rows, run) as done:
        wait_for(other, "SELECT refresh_lease_token IS NOT NULL FROM provider_account"
                        " WHERE id = %s", account.id)  # fmt: skip
        at_sumup.age(account, left=SOON)
        assert run() == Summary(lost=1), "the other's answer ends the refresh token"
        assert fresh(account).consent_lost_at is not None
        at_sumup.fake.close()
        assert done.result(30) == Summary(renewed=1)
    assert at_sumup.secrets(account)["refresh_token"] != before["refresh_token"]
    assert fresh(account).consent_lost_at is None
    assert [alert.ended_at is None for alert in everything(Alert)] == [False]
    assert isinstance(create(make, account), Created)


def test_an_answer_that_was_lost_after_the_rotation_costs_the_consent_and_is_told_once(
    at_sumup: AtSumUp,
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    at_sumup.fake.misbehave("token", "crashed")
    assert run() == Summary(failed=1)
    assert run() == Summary(), "it rests"
    assert fresh(account).consent_lost_at is None
    at_sumup.age(account, left=SOON)
    assert run() == Summary(lost=1)
    assert fresh(account).consent_lost_at is not None
    calls = at_sumup.fake.token_calls
    at_sumup.age(account, left=PAST)
    assert run() == Summary()
    assert at_sumup.fake.token_calls == calls
    (alert,) = everything(Alert)
    assert (alert.kind, alert.severity, alert.times) == ("consent_lost", "critical", 1)
    assert (alert.subject, alert.merchant_id) == (account.subject, account.merchant_id)


def test_a_new_consent_ends_the_alert_and_everything_goes_on(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    hook_token, attempt = account.hook_token, make.created()
    at_sumup.fake.revoke()
    at_sumup.age(account, left=PAST)
    assert run() == Summary(lost=1)
    assert isinstance(create(make, account, attempt), Refused)
    assert at_sumup.by_consent().id == account.id
    assert (fresh(account).consent_lost_at, account.hook_token) == (None, hook_token)
    assert [alert.ended_at is None for alert in everything(Alert)] == [False]
    assert isinstance(create(make, account), Created)


@pytest.mark.parametrize("way", ["unavailable", "lost", "malformed", "busy"])
def test_a_token_that_could_not_be_renewed_waits_for_its_own_clock(
    at_sumup: AtSumUp, way: str
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    at_sumup.fake.misbehave("token", way, seconds=90)
    assert run() == Summary(failed=1)
    waits = fresh(account).refresh_lease_until
    assert waits is not None
    least = 85 if way in {"unavailable", "busy"} else 55
    assert waits > clock.now() + timedelta(seconds=least)
    assert account.consent_lost_at is None


def test_an_account_that_fails_keeps_nobody_else_waiting(
    at_sumup: AtSumUp, make: Factories
) -> None:
    bad = at_sumup.by_consent()
    stranger = AtSumUp(Factories(), at_sumup.fake)
    good = stranger.by_consent()
    at_sumup.age(bad, left=timedelta(minutes=1))
    at_sumup.age(good, left=timedelta(minutes=2))
    make.change(bad, credentials=b"of a key that is lost")
    with capture_logs() as logs:
        assert run() == Summary(renewed=1, failed=1)
    assert "credentials_unusable" in {log["event"] for log in logs}


def test_a_key_takes_the_place_of_a_consent_that_was_lost(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    at_sumup.fake.revoke()
    at_sumup.age(account, left=PAST)
    assert run() == Summary(lost=1)
    at_sumup.by_key()
    assert fresh(account).consent_lost_at is None
    assert [alert.ended_at is None for alert in everything(Alert)] == [False]
    assert isinstance(create(make, account), Created)


def test_a_refusal_that_no_renewal_heals_asks_for_no_token_after_token(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=PAST)
    assert run() == Summary(renewed=1)
    calls = at_sumup.fake.token_calls
    for _ in range(3):
        tokens.note_unauthorised(account.id)
        assert run() == Summary()
    assert at_sumup.fake.token_calls == calls


def test_an_unauthorised_read_pulls_the_renewal_forward(at_sumup: AtSumUp) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=timedelta(hours=1))
    assert run() == Summary()
    tokens.note_unauthorised(account.id)
    assert run() == Summary(renewed=1)


def test_an_account_that_is_disconnected_is_renewed_while_something_is_read_with_it(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    attempt = make.pending()
    account_changes.disconnect(account, actor="test")
    make.change(account, state=AccountState.DISCONNECTED)
    at_sumup.age(account, left=SOON)
    assert run() == Summary(renewed=1)
    make.change(attempt, watch_until=clock.now() + PAST)
    at_sumup.age(account, left=SOON)
    assert run() == Summary()
    assert attempts.current(attempt.link) is not None


def test_without_the_name_of_this_installation_nothing_is_asked(
    at_sumup: AtSumUp, configure: Configure
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=SOON)
    calls = at_sumup.fake.token_calls
    configure(sumup_client_id="")
    assert run() == Summary(failed=1)
    assert at_sumup.fake.token_calls == calls
