"""A provider that answers 503 for an hour: nobody loses anything, and one alert says so."""

from datetime import timedelta

import pytest
from sqlalchemy import DateTime, update

from tests.domain.at_bank import AtBank
from tests.factories import Factories, everything, fresh
from webapp.core import clock
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import accounts, audit, breakers, expiry, verification
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Alert, AttentionItem, PaymentAttempt, ProviderAccount

STEP = timedelta(minutes=1)
HOUR = 60
# What the bank asks us to wait, in seconds; its own clock stands still.
RETRY_AFTER_S = 120
# After the hour: an account that rests is asked at least every five minutes, and so is a closing.
RECOVERY = 11


def let_pass(time: timedelta) -> None:
    """Move every moment that is written anywhere into the past by this much."""
    with transaction():
        for table in db.metadata.sorted_tables:
            moments = [column for column in table.c if isinstance(column.type, DateTime)]
            if moments:
                db.session.execute(
                    update(table).values({column.name: column - time for column in moments})
                )


def work() -> int:
    """Do what the workers do, once each; return how many attempts were read by themselves."""
    read = verification.run_due(Budget.of(seconds=20)).total
    expiry.run_due(Budget.of(seconds=20))
    return read


@pytest.fixture
def account(make: Factories, at_bank: AtBank) -> ProviderAccount:
    del at_bank
    return accounts.active(make.shop)


def test_an_hour_of_503_expires_nothing_is_told_once_and_all_settles_afterwards(
    make: Factories, at_bank: AtBank, account: ProviderAccount
) -> None:
    soon, late = (clock.now() + timedelta(minutes=minutes) for minutes in (15, 180))
    paid_before = [at_bank.start(expires_at=end) for end in (soon, late)]
    unpaid = [at_bank.start(expires_at=end) for end in (soon, late)]
    paid_meanwhile = [at_bank.start(expires_at=end) for end in (soon, late)]
    press(at_bank, paid_before)

    reads = []
    for minute in range(HOUR):
        at_bank.script("down", seconds=RETRY_AFTER_S)
        if minute == HOUR // 2:
            press(at_bank, paid_meanwhile)
        reads.append(work())
        assert states([*paid_before, *unpaid, *paid_meanwhile]) == {LinkState.OPEN}
        let_pass(STEP)

    assert fresh(account).failures > 1
    assert account.last_failure is not None
    assert "503" in account.last_failure
    assert account.failing_since is not None
    down_for = clock.now() - account.failing_since
    assert timedelta(minutes=HOUR - 5) < down_for <= timedelta(minutes=HOUR + 5)
    assert account.rests_until is not None
    (alert,) = everything(Alert)
    assert (alert.kind, alert.ended_at) == (breakers.ALERT_KIND, None)
    assert sum(reads) < 2 * HOUR  # of six attempts that want to be read every few seconds
    assert everything(AttentionItem) == []

    at_bank.script("down", seconds=0)
    for _ in range(RECOVERY):
        work()
        let_pass(STEP)

    assert states([*paid_before, *paid_meanwhile]) == {LinkState.PAID}
    assert [fresh(attempt.link).state for attempt in unpaid] == [LinkState.EXPIRED, LinkState.OPEN]
    assert at_bank.shows_closed(unpaid[0])
    healed = fresh(account)
    assert (healed.failures, healed.failing_since, healed.rests_until) == (0, None, None)
    assert [one.ended_at is not None for one in everything(Alert)] == [True]
    assert everything(AttentionItem) == []
    assert audit.run().is_clean


def press(at_bank: AtBank, attempts: list[PaymentAttempt]) -> None:
    """Pay at the bank's page, which is there for buyers; we are not told."""
    for attempt in attempts:
        at_bank.press(attempt, "lose")


def states(attempts: list[PaymentAttempt]) -> set[LinkState]:
    return {fresh(attempt.link).state for attempt in attempts}
