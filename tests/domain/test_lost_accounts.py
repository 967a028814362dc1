"""Accounts whose key was revoked at the provider, or which the merchant disconnected here."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import verify
from tests.domain.at_fakes import AtFake, at_fake
from tests.domain.closings import overdue, step
from tests.factories import Factories, everything, fresh
from tests.fakes.sumup import FakeSumUp
from webapp.core import clock
from webapp.core.errors import AccountNotConnectedError
from webapp.core.states import AccountState, AttemptState, LinkState
from webapp.domain.payments import account_changes, audit
from webapp.models import AttentionItem, PaymentAttempt

PAST = timedelta(seconds=1)


@pytest.fixture
def fake() -> FakeSumUp:
    return FakeSumUp()


@pytest.fixture
def at_sumup(make: Factories, configure: Configure, fake: FakeSumUp) -> Iterator[AtFake]:
    with at_fake("sumup", make, configure, fake=fake) as at_sumup:
        yield at_sumup


def questions() -> list[str]:
    return [item.kind for item in everything(AttentionItem)]


def checkout_of(attempt: PaymentAttempt) -> str:
    assert attempt.checkout_id is not None
    return attempt.checkout_id


@pytest.mark.parametrize("is_disconnected", [False, True])
def test_links_of_a_revoked_key_wait_until_the_last_moment_and_end_with_a_question(
    at_sumup: AtFake, make: Factories, fake: FakeSumUp, *, is_disconnected: bool
) -> None:
    attempt = at_sumup.start()
    if is_disconnected:
        account_changes.disconnect(at_sumup.account, actor="test")
    fake.api_key = "sup_sk_another"
    assert verify(attempt) is None
    link = overdue(make, attempt)
    for _ in range(3):
        step(make, link)
        assert fresh(link).state is LinkState.OPEN
        assert fresh(attempt).state is AttemptState.PENDING
    assert questions() == []
    assert account_changes.end_disconnected() == 0

    make.change(attempt, watch_until=clock.now() - PAST)
    step(make, link)

    assert (fresh(link).state, fresh(attempt).state) == (LinkState.EXPIRED, AttemptState.EXPIRED)
    assert questions() == ["unverified"]
    assert audit.run().is_clean
    assert account_changes.end_disconnected() == int(is_disconnected)


def test_a_key_that_is_replaced_in_time_tells_what_became_of_the_payment(
    at_sumup: AtFake, make: Factories, fake: FakeSumUp
) -> None:
    attempt = at_sumup.start()
    fake.pay(checkout_of(attempt))
    fake.api_key = "sup_sk_another"
    link = overdue(make, attempt)
    step(make, link)
    assert fresh(link).state is LinkState.OPEN
    account_changes.replace(at_sumup.account, {"api_key": fake.api_key}, actor="test")
    step(make, link)
    assert fresh(link).state is LinkState.PAID
    assert questions() == []


def test_what_was_begun_is_read_with_an_account_that_is_being_disconnected(
    at_sumup: AtFake, make: Factories, fake: FakeSumUp
) -> None:
    paid, unpaid, untouched = at_sumup.start(), at_sumup.start(), at_sumup.link()
    account_changes.disconnect(at_sumup.account, actor="test")
    with pytest.raises(AccountNotConnectedError):
        at_sumup.start(untouched)
    fake.pay(checkout_of(paid))
    verify(paid)
    assert fresh(paid.link).state is LinkState.PAID
    step(make, overdue(make, unpaid))
    assert fresh(unpaid.link).state is LinkState.EXPIRED
    assert questions() == []
    assert account_changes.end_disconnected() == 0
    assert fresh(at_sumup.account).state is AccountState.DISCONNECTING


def test_money_that_comes_late_is_found_with_an_account_that_is_disconnected(
    at_sumup: AtFake, make: Factories, fake: FakeSumUp
) -> None:
    attempt = at_sumup.start()
    make.change(at_sumup.account, state=AccountState.DISCONNECTED)
    fake.pay(checkout_of(attempt))
    verify(attempt)
    assert fresh(attempt.link).state is LinkState.PAID
