"""What is ordinary once and suspicious when it heaps up is told; one fewer is not."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, observed, paid
from webapp.core import clock
from webapp.core.money import Money
from webapp.domain.messages import patterns
from webapp.domain.payments import accounts, settlement
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import transaction
from webapp.extensions import connect_redis, queue_redis
from webapp.models import Alert, AttentionItem, PaymentAttempt, ProviderAccount
from webapp.providers.base import Observation, Payment, ProviderState

BUYER = "192.0.2.1"


def told(kind: str) -> list[Alert]:
    """Return the alerts of a pattern."""
    return [alert for alert in everything(Alert) if alert.kind == f"pattern_{kind}"]


def mismatched(make: Factories) -> PaymentAttempt:
    """Have an order paid with a cent too little."""
    attempt = make.pending()
    settle(attempt.reference, paid(attempt, money=Money(2499, "EUR")))
    return attempt


def settle(reference: str, said: Observation) -> Outcome:
    return settlement.apply(reference, said, actor="test")


def fail(attempt_reference: str) -> None:
    """Have an attempt fail, as far as the pattern is concerned."""
    with transaction():
        patterns.note_failed_attempt(attempt_reference)


def age(redis_key: str, seconds: int) -> None:
    """Let what was counted under a key be so much older."""
    lines: Any = queue_redis.lrange(redis_key, 0, -1)
    for number, line in enumerate(lines):
        at, _, said = line.decode().partition(" ")
        queue_redis.lset(redis_key, number, f"{float(at) - seconds} {said}")


@pytest.fixture
def account(make: Factories) -> ProviderAccount:
    return accounts.active(make.shop)


@pytest.fixture
def without_redis(rows: Flask) -> Iterator[None]:
    """Take the queue's Redis away."""
    there = rows.extensions["tillgate.queue_redis"]
    away: redis.Redis = connect_redis("redis://127.0.0.1:9/0", timeout_s=0.2)
    rows.extensions["tillgate.queue_redis"] = away
    yield
    away.close()
    rows.extensions["tillgate.queue_redis"] = there


def test_three_mismatches_of_a_merchant_within_an_hour_are_told_and_two_are_not(
    make: Factories,
) -> None:
    orders = [mismatched(make).link.reference for _ in range(2)]
    mismatched(Factories())
    assert told("mismatches") == []
    orders.append(mismatched(make).link.reference)
    (alert,) = told("mismatches")
    assert (alert.severity, alert.subject, alert.merchant_id) == (
        "critical",
        make.shop.slug,
        make.shop.id,
    )
    assert alert.headline == f"3 Mismatches Within an Hour - {make.shop.name}"
    assert f"Orders: {', '.join(orders)}\n" in alert.body
    mismatched(make)
    (alert,) = told("mismatches")
    assert alert.times == 2


def test_mismatches_over_more_than_an_hour_are_no_pattern(make: Factories) -> None:
    for _ in range(2):
        mismatched(make)
    oldest = everything(AttentionItem)[0]
    make.change(oldest, raised_at=clock.now() - timedelta(minutes=61))
    mismatched(make)
    assert told("mismatches") == []


def test_three_mismatches_at_the_same_moment_are_told(make: Factories, app: Flask) -> None:
    attempts = [make.pending() for _ in range(3)]
    said = [paid(attempt, money=Money(1, "EUR")) for attempt in attempts]
    names = [attempt.reference for attempt in attempts]
    side_by_side(app, [partial(settle, *pair) for pair in zip(names, said, strict=True)])
    assert [alert.times for alert in told("mismatches")] == [1]


def test_one_payment_named_for_two_orders_is_told_once(make: Factories) -> None:
    first, second = make.pending(), make.pending()
    settlement.apply(first.reference, paid(first, reference="pay-1"), actor="test")
    assert told("double_booking") == []
    said = paid(second, reference="pay-1")
    for _ in range(2):
        assert settlement.apply(second.reference, said, actor="test") is Outcome.NOTHING_NEW
    (alert,) = told("double_booking")
    assert (alert.severity, alert.times, alert.merchant_id) == ("critical", 1, make.shop.id)
    assert alert.headline.endswith(f"Order {second.link.reference}")
    assert "names pay-1 as its payment" in alert.body
    assert f"Booked already for: {first.link.reference}\n" in alert.body


def test_a_payment_that_is_named_twice_for_its_own_order_is_no_pattern(make: Factories) -> None:
    attempt = make.pending()
    for _ in range(2):
        settlement.apply(attempt.reference, paid(attempt, reference="pay-1"), actor="test")
    assert told("double_booking") == []


def test_a_provider_that_names_no_end_of_payments_gets_an_alert_of_ordinary_length(
    make: Factories,
) -> None:
    first, second = make.pending(), make.pending()
    many = [Payment(f"pay-{number}" + "x" * 300, Money(1, "EUR"), None) for number in range(40)]
    for attempt in (first, second):
        said = observed(attempt, ProviderState.PAID, *many)
        settlement.apply(attempt.reference, said, actor="test")
    (alert,) = told("double_booking")
    assert len(alert.body) < 3000
    assert "and 30 more" in alert.body


def test_twenty_refused_notices_of_an_account_are_told_and_nineteen_are_not(
    make: Factories, account: ProviderAccount
) -> None:
    elsewhere = accounts.active(Factories().shop)
    for _ in range(19):
        patterns.note_refused_notice(account)
    patterns.note_refused_notice(elsewhere)
    assert told("refused_notices") == []
    patterns.note_refused_notice(account)
    (alert,) = told("refused_notices")
    assert (alert.severity, alert.subject, alert.merchant_id) == (
        "critical",
        account.subject,
        make.shop.id,
    )
    assert alert.headline == f"20 Refused Notices Within Ten Minutes - {account.subject}"


def test_a_flood_of_refused_notices_costs_the_database_one_row_in_twenty(
    account: ProviderAccount,
) -> None:
    for _ in range(65):
        patterns.note_refused_notice(account)
    assert [alert.times for alert in told("refused_notices")] == [3]
    assert queue_redis.llen(f"refused-notices:{account.id}") == 5


@pytest.mark.parametrize(("seconds", "alerts"), [(590, 1), (601, 0)])
def test_any_ten_minutes_count_and_nothing_older(
    account: ProviderAccount, configure: Configure, seconds: int, alerts: int
) -> None:
    configure(pattern_refused_notices=3)
    key = f"refused-notices:{account.id}"
    patterns.note_refused_notice(account)
    age(key, seconds)
    patterns.note_refused_notice(account)
    patterns.note_refused_notice(account)
    assert len(told("refused_notices")) == alerts
    if not alerts:
        assert 0 < queue_redis.ttl(key) <= patterns.REFUSED_NOTICES_WITHIN_S


def test_ten_failed_attempts_from_one_address_are_told_and_nine_are_not(rows: Flask) -> None:
    names = [f"att-{number}" for number in range(10)]
    for name in names:
        patterns.remember_origin(name, BUYER)
    patterns.remember_origin("att-elsewhere", "192.0.2.2")
    for name in (*names[:9], "att-elsewhere"):
        fail(name)
    assert told("failed_attempts") == []
    fail(names[9])
    (alert,) = told("failed_attempts")
    assert (alert.severity, alert.merchant_id) == ("critical", None)
    assert alert.headline == "10 Failed Attempts Within Ten Minutes From One Address"
    assert f"Attempts: {', '.join(names)}\n" in alert.body


def test_an_attempt_fails_once_however_often_it_is_said(rows: Flask, configure: Configure) -> None:
    configure(pattern_failed_attempts=2)
    patterns.remember_origin("att-1", BUYER)
    for _ in range(3):
        fail("att-1")
    assert told("failed_attempts") == []


def test_a_network_of_ipv6_is_one_address(rows: Flask, configure: Configure) -> None:
    configure(pattern_failed_attempts=2)
    for number in range(2):
        patterns.remember_origin(f"att-{number}", f"2001:db8::{number:x}")
        fail(f"att-{number}")
    assert len(told("failed_attempts")) == 1


@pytest.mark.parametrize("client", ["", "unknown"])
def test_who_comes_from_nowhere_is_not_counted_together(
    rows: Flask, configure: Configure, client: str
) -> None:
    configure(pattern_failed_attempts=1)
    patterns.remember_origin("att-1", client)
    fail("att-1")
    assert told("failed_attempts") == []


def test_an_origin_is_forgotten_within_the_hour(rows: Flask) -> None:
    patterns.remember_origin("att-1", BUYER)
    (key,) = queue_redis.keys("*")
    assert 0 < queue_redis.ttl(key) <= 3600


def test_neither_redis_nor_rows_nor_logs_know_the_address(
    rows: Flask, configure: Configure
) -> None:
    configure(pattern_failed_attempts=2)
    with capture_logs() as logs:
        for number in range(3):
            patterns.remember_origin(f"att-{number}", BUYER)
            fail(f"att-{number}")
        patterns.remember_origin("att-waits", BUYER)
    (alert,) = told("failed_attempts")
    kept: list[object] = [*queue_redis.keys("*"), queue_redis.get("origin:att-waits")]
    for key in queue_redis.keys("failed-attempts:*"):
        kept += queue_redis.lrange(key, 0, -1)
    assert len(kept) >= 4
    assert BUYER not in f"{kept} {alert.subject} {alert.headline} {alert.body} {logs}"


def test_a_notice_of_a_checkout_we_never_made_is_told_once_an_account(
    make: Factories, account: ProviderAccount
) -> None:
    for name in ("chk-1", "chk-2"):
        with transaction():
            patterns.note_unknown_checkout(account, "checkout.updated", name)
    (alert,) = told("unknown_checkout")
    assert (alert.severity, alert.subject, alert.times, alert.merchant_id) == (
        "critical",
        account.subject,
        2,
        make.shop.id,
    )
    assert "checkout.updated of chk-1" in alert.body


@pytest.mark.usefixtures("without_redis")
@pytest.mark.parametrize(
    "act",
    [
        lambda _: patterns.remember_origin("att-1", BUYER),
        lambda _: fail("att-1"),
        patterns.note_refused_notice,
    ],
    ids=["remember", "attempt", "notice"],
)
def test_with_redis_away_nothing_is_counted_and_nothing_breaks(
    account: ProviderAccount, configure: Configure, act: Callable[[ProviderAccount], None]
) -> None:
    configure(pattern_failed_attempts=1, pattern_refused_notices=1)
    act(account)
    assert everything(Alert) == []
