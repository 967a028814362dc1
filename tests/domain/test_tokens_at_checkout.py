"""Whoever asks for a checkout with a token that is over has it renewed, or waits for a worker."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.at_sumup import PAST, SOON, AtSumUp, create, request_of, sumup_of
from tests.factories import Factories, fresh
from tests.fakes.shops import TIMEOUT_S
from webapp.core import clock
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, tokens
from webapp.domain.payments.tokens import Summary
from webapp.providers.base import Created, Unanswered


@pytest.fixture
def at_sumup(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


def test_a_token_that_is_over_is_renewed_before_the_checkout_is_asked_for(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=PAST)
    assert isinstance(create(make, account), Created)
    assert fresh(account).token_expires_at > clock.now()  # type: ignore[operator]  # it is set


def test_a_token_that_is_not_taken_is_renewed_and_the_checkout_asked_for_again(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=timedelta(hours=1))
    at_sumup.fake.forget_access_tokens()
    assert isinstance(create(make, account), Created)


def test_a_token_that_is_refused_late_is_renewed_by_a_worker_and_not_while_the_buyer_waits(
    at_sumup: AtSumUp, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=timedelta(hours=1))
    at_sumup.fake.forget_access_tokens()
    calls = at_sumup.fake.token_calls
    with monkeypatch.context() as late:
        late.setattr(tokens, "_ANSWERED_WITHIN_S", 0)
        assert isinstance(create(make, account), Unanswered)
    assert at_sumup.fake.token_calls == calls
    assert tokens.renew_due(Budget.of(seconds=30)) == Summary(renewed=1)
    assert isinstance(create(make, account), Created)


def test_a_token_that_was_renewed_meanwhile_is_used_and_not_renewed_again(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    attempt = make.created()
    connection, request = accounts.connection(fresh(account)), request_of(attempt)
    at_sumup.fake.forget_access_tokens()
    at_sumup.age(account, left=SOON)
    assert tokens.renew_due(Budget.of(seconds=30)) == Summary(renewed=1)
    calls = at_sumup.fake.token_calls
    made = tokens.create(account.id, connection, request, timeout_s=TIMEOUT_S)
    assert isinstance(made, Created)
    assert at_sumup.fake.token_calls == calls


def test_a_checkout_does_not_fail_for_a_token_that_cannot_be_renewed_just_now(
    at_sumup: AtSumUp, make: Factories
) -> None:
    account = at_sumup.by_consent()
    at_sumup.age(account, left=PAST)
    at_sumup.fake.misbehave("token", "unavailable")
    assert isinstance(create(make, account), Unanswered)
    assert isinstance(create(make, account), Unanswered), "while it rests"
