"""Guessing passwords: so many tries and no more, whoever is at the door."""

from collections.abc import Iterator

import pytest
import redis
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.side_by_side import every_turn_taken, raised, side_by_side
from tests.factories import Factories
from webapp.core.errors import BusyError, TooManyTriesError
from webapp.domain.desk import passwords, sign_in_tries, users
from webapp.extensions import connect_redis, queue_redis
from webapp.models import User

PASSWORD = "correct horse battery"
OLGA = "olga@example.org"


@pytest.fixture(autouse=True)
def olga(make: Factories, configure: Configure) -> User:
    """Somebody to guess the password of, three times."""
    configure(sign_in_tries=3, sign_in_tries_per_address=5)
    return users.make(make.shop, email=OLGA, password=PASSWORD, name="Olga")


@pytest.fixture
def without_redis(rows: Flask) -> Iterator[None]:
    """Take the queue's Redis away."""
    there = rows.extensions["tillgate.queue_redis"]
    away: redis.Redis = connect_redis("redis://127.0.0.1:9/0", timeout_s=0.2)
    rows.extensions["tillgate.queue_redis"] = away
    yield
    away.close()
    rows.extensions["tillgate.queue_redis"] = there


def verify(email: str = OLGA, password: str = PASSWORD, client: str = "192.0.2.1") -> User | None:
    return sign_in_tries.verify(email, password, client=client)


def guess(times: int, email: str = OLGA, client: str = "192.0.2.1") -> None:
    for _ in range(times):
        assert verify(email, "wrong password", client) is None


def test_after_so_many_wrong_ones_not_even_the_right_one_is_looked_at() -> None:
    guess(3)
    for client in ("192.0.2.1", "198.51.100.7"):
        with pytest.raises(TooManyTriesError) as refusal:
            verify(f" {OLGA.upper()} ", client=client)
        assert 0 < refusal.value.wait_s <= sign_in_tries.WINDOW_S
    assert verify("otto@example.org") is None, "somebody else is asked as before"


def test_the_tries_are_free_again_once_their_time_is_over() -> None:
    guess(3)
    (key,) = [key for key in queue_redis.keys("sign-in:*") if queue_redis.get(key) == b"3"]
    assert 0 < queue_redis.ttl(key) <= sign_in_tries.WINDOW_S
    queue_redis.pexpire(key, 0)
    assert verify() is not None


def test_waiting_is_not_made_longer_by_further_tries() -> None:
    guess(3)
    (key,) = queue_redis.keys("sign-in:*")
    queue_redis.expire(key, 100)
    with pytest.raises(TooManyTriesError) as refusal:
        verify()
    assert 0 < refusal.value.wait_s <= 100


def test_the_right_one_forgets_the_wrong_ones_before_it() -> None:
    for _ in range(2):
        guess(2, client="192.0.2.1")
        assert verify(client="192.0.2.2") is not None
    guess(3, client="192.0.2.3")


def test_one_client_cannot_guess_at_one_address_after_the_other() -> None:
    for number in range(5):
        guess(1, f"nobody-{number}@example.org")
    with pytest.raises(TooManyTriesError):
        verify()
    assert verify(client="192.0.2.2") is not None


def test_whoever_signs_in_rightly_all_day_is_no_guesser() -> None:
    for _ in range(7):
        assert verify() is not None


def test_a_network_of_ipv6_is_one_client() -> None:
    for number in range(5):
        guess(1, f"nobody-{number}@example.org", client=f"2001:db8::{number:x}")
    with pytest.raises(TooManyTriesError):
        verify(client="2001:db8::ffff:1")
    assert verify(client="2001:db8:0:1::1") is not None


def test_tries_at_once_are_counted_before_they_are_looked_at(app: Flask) -> None:
    outcomes = side_by_side(app, [lambda: raised(lambda: guess(1))] * 8)
    assert outcomes.count(None) == 3
    assert outcomes.count(TooManyTriesError) == 5


def test_a_try_that_was_not_looked_at_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.01)
    with every_turn_taken():
        for _ in range(6):
            with pytest.raises(BusyError):
                verify()
    assert verify() is not None


@pytest.mark.usefixtures("without_redis")
def test_with_redis_away_one_signs_in_without_a_limit() -> None:
    guess(4)
    assert verify() is not None


@pytest.mark.parametrize(
    ("typed", "told"), [(OLGA, "o***@example.org"), ("no address\n", "none"), ("", "none")]
)
def test_a_wrong_one_is_logged_and_neither_log_nor_redis_know_the_address(
    typed: str, told: str
) -> None:
    with capture_logs() as logs:
        guess(1, typed)
    assert [(one["event"], one["address"]) for one in logs] == [("sign_in_failed", told)]
    kept = queue_redis.keys("*")
    assert not [key for key in kept if b"olga" in key or b"192" in key]
