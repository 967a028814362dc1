"""What is not answered is asked for again, made once and paid once, at every provider."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from rq import Queue

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.at_fakes import FAKES, at_fake
from tests.domain.closings import step
from tests.domain.sitting_down import age, names_of, state_of
from tests.factories import Factories, everything, fresh
from tests.properties.fates import Killed
from tests.sandbox.merchant import press
from webapp.core import clock
from webapp.core.errors import LinkNotPayableError
from webapp.core.money import Money
from webapp.core.states import AttemptState, LinkState, SessionState
from webapp.domain.budget import Budget
from webapp.domain.payments import audit, checkouts, starts, tokens, verification, waiting
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import queue_redis
from webapp.jobs import QueueName
from webapp.models import Capture, PaymentAttempt, PaymentLink
from webapp.providers.base import CheckoutRequest, Creation, Missing, Recovery
from webapp.providers.connection import Connection
from webapp.providers.registry import ADAPTERS

UNDER_WAY = (SessionState.PROCESSING, None)
CREATE = {"paystack": "initialize"}
SCRIPTS = {"lost": "create_lost", "cut": "create_never", "refused": "create_refused"}


@dataclass
class Shop:
    """A shop at one of the five providers, and what goes wrong there."""

    provider: str
    make: Factories
    break_: Callable[[str, int], None]
    money: Money

    def link(self) -> PaymentLink:
        """Make an OPEN link."""
        return self.make.link(money=self.money)

    def press_pay(self, link: PaymentLink) -> PaymentAttempt:
        """Press "Pay"; return the link's newest attempt."""
        checkouts.start(link.code, token=None, buyer_email=None)
        return everything(PaymentAttempt)[-1]


@pytest.fixture(params=["sandbox", *FAKES])
def shop(request: pytest.FixtureRequest, make: Factories, configure: Configure) -> Iterator[Shop]:
    provider: str = request.param
    configure(start_pause_s=0.05)
    if provider == "sandbox":
        bank: AtBank = request.getfixturevalue("at_bank")

        def script(way: str, times: int) -> None:
            bank.script(SCRIPTS[way], times=times, seconds=0)

        yield Shop(provider, make, script, Money(2500, "EUR"))
        return
    with at_fake(provider, make, configure) as there:

        def misbehave(way: str, times: int) -> None:
            there.fake.misbehave(CREATE.get(provider, "create"), way, times=times)

        yield Shop(provider, make, misbehave, there.money)


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Under which references any provider was asked for a checkout."""
    references: list[str] = []
    real = Connection.create

    def create(self: Connection, checkout: CheckoutRequest, *, timeout_s: float) -> Creation:
        references.append(checkout.reference)
        return real(self, checkout, timeout_s=timeout_s)

    monkeypatch.setattr(Connection, "create", create)
    return references


def work(seconds: float = 3) -> None:
    """Do what the worker does: its job, and those that were asked for meanwhile."""
    queue = Queue(QueueName.CHECKS, connection=queue_redis)
    is_asked = True
    while is_asked:
        queue.empty()  # type: ignore[no-untyped-call]
        verification.run_due(Budget.of(seconds=seconds), lingers=True)
        is_asked = queue.count > 0


def current(link: PaymentLink) -> PaymentAttempt:
    (attempt,) = [one for one in everything(PaymentAttempt) if one.is_current]
    assert attempt.link_id == link.id
    return attempt


def pay_and_prove(attempt: PaymentAttempt) -> None:
    assert attempt.checkout_url is not None
    press(attempt.checkout_url, "pay")
    assert verify(attempt) is Outcome.PAID
    assert fresh(attempt.link).state is LinkState.PAID
    assert fresh(attempt.session).state is SessionState.COMPLETED
    assert len(everything(Capture)) == 1
    assert audit.run().is_clean


@pytest.mark.parametrize("way", ["lost", "cut"])
def test_a_request_without_an_answer_is_repeated_by_the_worker_and_paid_once(
    shop: Shop, way: str
) -> None:
    link = shop.link()
    shop.break_(way, 1)
    first = shop.press_pay(link)
    assert (first.state, first.checkout_url) == (AttemptState.CREATED, None)
    work()
    attempt = current(link)
    assert (attempt.state, attempt.number) == (AttemptState.PENDING, 1)
    assert (state_of(attempt), attempt.session.attempt_count) == (UNDER_WAY, 1)
    # Only where an address is lost for good does another attempt take its place.
    is_lost = way == "cut" and shop.provider == "paystack"
    assert (attempt.id != first.id) is is_lost
    pay_and_prove(attempt)


def test_a_provider_is_asked_three_times_in_all_and_then_only_read(
    shop: Shop, asks: list[str]
) -> None:
    link = shop.link()
    shop.break_("lost", 20)
    attempt = shop.press_pay(link)
    work()
    assert fresh(attempt).start_tries == 3
    work()
    if ADAPTERS[shop.provider].CAPABILITIES.recovery is not Recovery.SAME_REQUEST:
        assert asks == [attempt.reference] * 3
    assert (fresh(attempt).state, attempt.link.may_hold_money) == (AttemptState.CREATED, True)


def test_a_refusal_is_not_repeated(shop: Shop, asks: list[str]) -> None:
    link = shop.link()
    shop.break_("refused", 1)
    attempt = shop.press_pay(link)
    work()
    assert asks == [attempt.reference]
    assert fresh(attempt).state is AttemptState.FAILED
    assert state_of(attempt) == (SessionState.INTERRUPTED, "refused")


def test_who_may_not_wait_for_the_provider_leaves_it_to_the_worker(
    shop: Shop, asks: list[str], configure: Configure
) -> None:
    configure(web_threads=4)
    link = shop.link()
    with waiting.room(shop.provider) as may:
        assert may
        attempt = shop.press_pay(link)
    assert asks == []
    assert (attempt.state, attempt.start_tries) == (AttemptState.CREATED, 0)
    work()
    assert asks == [attempt.reference]
    assert fresh(attempt).state is AttemptState.PENDING
    pay_and_prove(attempt)


def test_who_dies_before_the_provider_was_asked_leaves_it_to_the_worker(
    shop: Shop, asks: list[str]
) -> None:
    link = shop.link()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "create", _die)
        with pytest.raises(Killed):
            checkouts.start(link.code, token=None, buyer_email=None)
    (attempt,) = everything(PaymentAttempt)
    assert (asks, attempt.state, attempt.start_tries) == ([], AttemptState.CREATED, 1)
    # The first look comes after twenty seconds, in good time before the buyer is told to give up.
    age(shop.make, attempt, 21)
    shop.make.change(attempt, next_check_at=clock.now())
    work()
    assert set(asks) == {attempt.reference}
    assert state_of(attempt) == UNDER_WAY
    pay_and_prove(fresh(attempt))


def _die(*_: object, **__: object) -> Creation:
    raise Killed


def test_a_request_that_is_refused_when_repeated_ends_the_attempt_at_once(
    at_bank: AtBank, configure: Configure, asks: list[str]
) -> None:
    configure(start_pause_s=0.05)
    at_bank.script("create_lost")
    attempt = at_bank.start()
    at_bank.script("create_refused")
    work()
    assert asks == [attempt.reference] * 2
    assert fresh(attempt).state is AttemptState.FAILED
    assert state_of(attempt) == (SessionState.INTERRUPTED, "refused")


def test_nothing_is_asked_for_again_before_a_read_has_found_nothing(
    at_bank: AtBank, configure: Configure, asks: list[str]
) -> None:
    configure(start_pause_s=0.05)
    at_bank.script("create_lost")
    attempt = at_bank.start()
    at_bank.script("read_unavailable", times=20)
    work(seconds=1)
    assert asks == [attempt.reference]


def test_at_paystack_the_lost_checkouts_are_bounded_and_each_is_still_watched(
    make: Factories, configure: Configure, asks: list[str]
) -> None:
    configure(start_pause_s=0.05)
    with at_fake("paystack", make, configure) as there:
        there.fake.misbehave("initialize", "cut", times=20)
        first = there.start()
        work()
        attempts = everything(PaymentAttempt)
        assert asks == [attempt.reference for attempt in attempts]
        assert len(attempts) == 3
        assert {attempt.number for attempt in attempts} == {1}
        assert {attempt.state for attempt in attempts} == {AttemptState.EXPIRED}
        assert state_of(first) == (SessionState.INTERRUPTED, "network")
        assert fresh(first.session).attempt_count == 1
        assert fresh(first.link).may_hold_money is False
        # Nobody was sent to the first one; should somebody have paid it all the same, it counts.
        there.fake.pay(first.reference)
        assert verify(first) is Outcome.PAID
        assert fresh(first.link).state is LinkState.PAID
        assert audit.run().is_clean


def test_trying_again_closes_the_old_checkout_before_another_begins(
    at_bank: AtBank, make: Factories
) -> None:
    old = at_bank.start()
    link = old.link
    age(make, old, 31)
    starts.again(link.code, None)
    with pytest.raises(LinkNotPayableError):
        at_bank.start(link)
    assert not at_bank.shows_closed(old)
    step(make, link)
    assert at_bank.shows_closed(old)
    assert fresh(old).state is AttemptState.EXPIRED
    assert (fresh(link).state, link.closing_for, link.may_hold_money) == (
        LinkState.OPEN,
        None,
        False,
    )
    new = at_bank.start(link)
    pay_and_prove(new)
    assert len(at_bank.ledger()) == 1


def test_money_that_came_before_the_old_checkout_was_closed_wins(
    at_bank: AtBank, make: Factories
) -> None:
    old = at_bank.start()
    age(make, old, 31)
    starts.again(old.link.code, None)
    at_bank.press(old, "pay")
    step(make, old.link)
    assert (fresh(old.link).state, old.link.closing_for) == (LinkState.PAID, None)
    assert state_of(old)[0] is SessionState.COMPLETED
    assert audit.run().is_clean


def test_a_start_that_never_came_can_be_left_after_a_minute_and_two_reads(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    configure(start_tries=1)
    at_bank.script("create_lost")
    lost = at_bank.start()
    age(make, lost, 31)
    assert starts.time_out() == 1
    starts.again(lost.link.code, None)
    step(make, lost.link)
    assert fresh(lost.link).closing_for == "retry"  # it may still be made
    age(make, lost, 61)
    step(make, lost.link)
    assert fresh(lost).state is AttemptState.FAILED
    assert fresh(lost.link).closing_for is None
    assert state_of(lost) == (SessionState.INTERRUPTED, "timeout")
    assert "closing_done" in names_of(lost.link)
    pay_and_prove(at_bank.start(lost.link))


def test_where_a_checkout_stays_unreadable_the_retry_is_abandoned_and_told(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    configure(closing_tries=2)
    old = at_bank.start()
    age(make, old, 31)
    starts.again(old.link.code, None)
    at_bank.script("read_unavailable", times=2)
    for _ in range(2):
        step(make, old.link)
    assert names_of(old.link)[-1] == "closing_abandoned"
    assert (fresh(old.link).closing_for, old.link.may_hold_money) == (None, True)
    assert fresh(old).state is AttemptState.PENDING


def test_a_read_that_finds_nothing_says_no_refusal(at_bank: AtBank, make: Factories) -> None:
    attempt = make.created()
    request = CheckoutRequest.from_json(attempt.request)
    assert at_bank.connection.recover(request, timeout_s=5) == Missing()
