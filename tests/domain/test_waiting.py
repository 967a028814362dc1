"""Of the threads of a web process a few may wait for one provider; the others do not even ask."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories
from webapp.core.errors import BusyError
from webapp.domain.payments import account_changes, accounts, asking, consents, given, waiting
from webapp.extensions import queue_redis
from webapp.models import ProviderAccount

AT_ONCE = 24


@pytest.fixture
def one_place(configure: Configure) -> None:
    configure(web_threads=4)


@pytest.fixture
def bank(configure: Configure) -> Iterator[SilentBank]:
    bank = SilentBank()
    configure(
        sandbox_url=bank.url, stripe_url=bank.url, sumup_url=bank.url, billing_base_url=bank.url
    )
    yield bank
    bank.hang_up()


@contextmanager
def somebody_waits(provider: str) -> Iterator[None]:
    with waiting.room(provider) as may:
        assert may
        yield


def places(provider: str = "sandbox") -> bool:
    with waiting.room(provider) as may:
        return may


def test_a_quarter_of_the_threads_may_wait_however_many_come_at_once(
    rows: Flask, configure: Configure
) -> None:
    configure(web_threads=32)
    start, end = threading.Barrier(AT_ONCE), threading.Barrier(AT_ONCE)

    def come() -> bool:
        with rows.app_context():
            start.wait(30)
            with waiting.room("sandbox") as may:
                end.wait(30)
                return may

    with ThreadPoolExecutor(AT_ONCE) as threads:
        allowed = [come.result() for come in [threads.submit(come) for _ in range(AT_ONCE)]]
    assert sum(allowed) == 8
    assert places()


def test_there_is_always_a_place_for_one(rows: Flask, configure: Configure) -> None:
    configure(web_threads=1)
    assert places()


@pytest.mark.usefixtures("one_place", "rows")
def test_each_provider_has_its_own_places() -> None:
    with somebody_waits("sandbox"):
        assert not places("sandbox")
        assert places("stripe")


@pytest.mark.usefixtures("one_place", "rows")
def test_a_place_is_free_again_after_an_error_and_never_freed_by_who_had_none() -> None:
    with pytest.raises(RuntimeError), somebody_waits("sandbox"):
        raise RuntimeError
    with somebody_waits("sandbox"):
        for _ in range(2):
            assert not places()
    assert places()


@pytest.mark.usefixtures("one_place", "rows")
def test_the_log_names_the_provider_that_so_many_wait_for() -> None:
    with somebody_waits("sandbox"), capture_logs() as logs:
        places()
    assert logs == [{"event": "too_many_wait", "provider": "sandbox", "log_level": "warning"}]


@pytest.mark.usefixtures("one_place")
def test_whoever_verifies_meanwhile_is_answered_at_once_and_a_worker_asks(
    make: Factories, bank: SilentBank
) -> None:
    attempt = make.pending()
    with somebody_waits("sandbox"):
        answer = asking.now(make.shop, attempt.reference, actor="test")
    assert (answer.is_pending, answer.is_verified) == (True, False)
    assert bank.called == 0
    assert queue_redis.get(f"check:{attempt.reference}") == b"1"


def billing(make: Factories) -> ProviderAccount:
    typed = {"api_key": "sk-billing-1", "account": "till"}
    return account_changes.add(make.shop, "billing", typed, is_checked=False, actor="test")


def connect(make: Factories) -> None:
    account_changes.add(make.shop, "stripe", {"api_key": "sk_test_1"}, actor="test")


def replace(make: Factories) -> None:
    account_changes.replace(billing(make), {"api_key": "sk-billing-2"}, actor="test")


def try_account(make: Factories) -> None:
    account_changes.test(accounts.active(make.shop))


def consent(make: Factories) -> None:
    consents.accept(make.shop, "a-code", actor="test")


def adopt(make: Factories) -> None:
    account_changes.choose(billing(make), actor="test")
    given.adopt(make.shop, make.link().code, checkout_id="chk-1", order_id=None, actor="test")


@pytest.mark.usefixtures("one_place")
@pytest.mark.parametrize(
    ("provider", "act"),
    [
        ("stripe", connect),
        ("billing", replace),
        ("sandbox", try_account),
        ("sumup", consent),
        ("billing", adopt),
    ],
    ids=["connect", "replace", "test", "consent", "adopt"],
)
def test_at_the_desk_it_is_said_that_many_wait_and_nobody_is_asked(
    make: Factories, bank: SilentBank, provider: str, act: Callable[[Factories], None]
) -> None:
    with somebody_waits(provider), pytest.raises(BusyError):
        act(make)
    assert bank.called == 0
