"""The fake Stripe and its adapter keep the contract, over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.desk import FakeDesk
from tests.fakes.shops import TIMEOUT_S, Shop, stripe_shop
from tests.fakes.stripe import FakeStripe
from tests.providers.contract import Desk, ProviderContract
from tests.providers.contract_refunds import RefundContract
from tests.sandbox.merchant import look, press
from webapp.core import clock
from webapp.core.money import Money
from webapp.providers import http, stripe
from webapp.providers.base import (
    Access,
    CloseAnswer,
    Created,
    HttpAnswer,
    HttpRequest,
    Missing,
    ProviderState,
    Refused,
    Unanswered,
    Unreadable,
)
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    RefundAnswer,
    RefundRefused,
    RefundState,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def shop(fake: FakeStripe) -> Iterator[Shop]:
    with stripe_shop(fake) as shop:
        yield shop


@pytest.fixture
def desk(fake: FakeStripe, shop: Shop) -> Desk:
    return FakeDesk(fake, shop.connection, shop.request, create="create", read="read")


class TestStripeKeepsTheContract(ProviderContract, RefundContract):
    """Every test of the contract, at the fake Stripe."""


def test_a_create_that_got_lost_is_made_once_by_the_same_request(
    fake: FakeStripe, shop: Shop
) -> None:
    request = shop.request()
    for way in ("cut", "malformed", "crashed", "busy", "lost"):
        fake.misbehave("create", way)
        assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Unanswered)
    assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Created)
    assert len(fake.sessions_made) == 1


def test_an_error_that_stripe_repeats_is_never_taken_for_a_refusal(
    fake: FakeStripe, shop: Shop
) -> None:
    fake.crash_next_create()
    request = shop.request()
    answers = [shop.connection.create(request, timeout_s=TIMEOUT_S) for _ in range(2)]
    assert answers == [Unanswered("status 500")] * 2
    assert len(fake.sessions_made) == 1


def test_the_key_under_another_wish_is_no_new_session(fake: FakeStripe, shop: Shop) -> None:
    request = shop.request()
    shop.connection.create(request, timeout_s=TIMEOUT_S)
    other = replace(request, money=Money(999, "EUR"))
    assert isinstance(shop.connection.create(other, timeout_s=TIMEOUT_S), Unanswered)
    assert len(fake.sessions_made) == 1


@pytest.mark.parametrize("currency", sorted(stripe.CAPABILITIES.currencies))
def test_an_amount_of_each_currency_is_taken_and_comes_back_whole(
    fake: FakeStripe, shop: Shop, currency: str
) -> None:
    for minor in (
        stripe.CAPABILITIES.least.get(currency, 1),
        stripe.CAPABILITIES.most[currency],
    ):
        made, handle = shop.checkout(Money(minor, currency))
        fake.pay(made.checkout_id)
        assert [one.money for one in shop.found(handle).payments] == [Money(minor, currency)]


@pytest.mark.parametrize("currency", sorted(stripe.CAPABILITIES.currencies))
def test_beyond_the_limits_that_we_know_nothing_is_made(shop: Shop, currency: str) -> None:
    limits = stripe.CAPABILITIES
    for minor in (limits.least.get(currency, 1) - 1, limits.most[currency] + 1):
        answer = shop.connection.create(shop.request(Money(minor, currency)), timeout_s=TIMEOUT_S)
        assert isinstance(answer, Refused)


def test_a_session_lasts_as_long_as_we_may_ask_for_and_no_longer(
    fake: FakeStripe, shop: Shop
) -> None:
    limits, margin = stripe.CAPABILITIES, timedelta(minutes=1)
    for lasts in (limits.min_expiry, limits.max_expiry - margin):
        request = replace(shop.request(), expires_at=clock.now() + lasts)
        made = shop.connection.create(request, timeout_s=TIMEOUT_S)
        assert isinstance(made, Created)
        assert fake.sessions_made[made.checkout_id].expires_at == int(
            request.expires_at.timestamp()
        )
    for lasts in (timedelta(minutes=29), limits.max_expiry + margin):
        request = replace(shop.request(), expires_at=clock.now() + lasts)
        assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Refused)


def test_a_request_that_got_lost_can_still_be_made_minutes_later(
    fake: FakeStripe, shop: Shop
) -> None:
    expires_at = clock.now() + stripe.CAPABILITIES.min_expiry
    request = replace(shop.request(), expires_at=expires_at)
    fake.misbehave("create", "lost")
    assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Unanswered)
    fake.ahead_s = 4.5 * 60
    assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Created)


def test_time_closes_a_session(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.ahead_s = 3600
    seen = shop.found(handle)
    assert (seen.state, seen.checkout_url) == (ProviderState.CLOSED, None)
    assert shop.connection.close(made.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.NOT_OPEN


def test_a_payment_may_lag_behind_the_buyer(fake: FakeStripe, shop: Shop) -> None:
    fake.settles_at_once = False
    made, handle = shop.checkout()
    press(made.url, "pay")
    assert shop.found(handle).state is ProviderState.PROCESSING
    assert shop.connection.close(made.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.NOT_OPEN
    fake.settle(made.checkout_id)
    assert shop.found(handle).state is ProviderState.PAID


def test_money_that_never_arrives_is_a_failed_try(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.hold(made.checkout_id)
    fake.fail(made.checkout_id)
    seen = shop.found(handle)
    assert (seen.state, seen.reason) == (ProviderState.ATTEMPT_FAILED, "Your card was declined.")


def test_a_payment_after_the_end_is_still_told(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    shop.connection.close(made.checkout_id, timeout_s=TIMEOUT_S)
    fake.pay(made.checkout_id, after_all=True)
    assert shop.found(handle).state is ProviderState.PAID


def test_another_amount_is_told_as_it_is(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.pay(made.checkout_id, amount=2499)
    assert [one.money for one in shop.found(handle).payments] == [Money(2499, "EUR")]


def test_being_asked_to_wait_is_heard(fake: FakeStripe, shop: Shop) -> None:
    _, handle = shop.checkout()
    fake.misbehave("read", "busy", seconds=9)
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 429", retry_after_s=9)


def test_a_live_key_makes_live_sessions() -> None:
    with stripe_shop(FakeStripe(api_key="sk_live_of-the-fake")) as shop:
        _, handle = shop.checkout()
        assert shop.found(handle).is_live is True


def test_a_platform_asks_in_the_name_of_the_account() -> None:
    fake = FakeStripe(account="acct_platform", connected=["acct_shop", "acct_other"])
    with stripe_shop(fake, account="acct_shop") as shop:
        made, handle = shop.checkout()
        assert shop.found(handle).account == "acct_shop"
        assert fake.sessions_made[made.checkout_id].account == "acct_shop"
        for name, expected in (
            ("acct_other", Missing()),
            ("acct_nobody", Unreadable("not authorised", is_unauthorised=True)),
        ):
            access = replace(shop.access, options={"connected_account": name})
            stranger = replace(shop.connection, access=access)
            assert stranger.read(handle, timeout_s=TIMEOUT_S) == expected


def test_a_buyer_pays_on_its_page_and_is_sent_back(shop: Shop) -> None:
    made, _ = shop.checkout()
    declined = press(made.url, "decline")
    assert b"Your card was declined." in declined.body
    assert b'href="http://127.0.0.1:9/back?returned=1"' in declined.body
    back = press(made.url, "pay").headers["location"]
    assert back == f"http://127.0.0.1:9/back?returned=1&session={made.checkout_id}"
    assert b"<form" not in look(made.url).body


def test_another_process_can_pull_its_levers(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    for path, content in (
        ("notices", b'{"manner": "drop", "times": 2}'),
        (f"checkouts/{made.checkout_id}/decline", b""),
        (f"checkouts/{made.checkout_id}/pay", b'{"amount": 700}'),
        ("faults", b'{"call": "read", "way": "unavailable", "seconds": 3}'),
    ):
        headers = {"Content-Type": "application/json"}
        request = HttpRequest("POST", f"{fake.url}/_control/{path}", headers, content)
        assert send(request).status == 201
    read = shop.connection.read(handle, timeout_s=TIMEOUT_S)
    assert read == Unreadable("status 503", retry_after_s=3, is_silent=True)
    assert [one.money for one in shop.found(handle).payments] == [Money(700, "EUR")]


def paid(fake: FakeStripe, shop: Shop) -> tuple[str, str]:
    """Return a paid session's id and its payment's reference."""
    made, handle = shop.checkout()
    fake.pay(made.checkout_id)
    return made.checkout_id, shop.found(handle).payments[0].reference


def wish(payment: str, minor: int = 2500, key: str = "ref-1") -> RefundWish:
    """Return a wish to send back."""
    return RefundWish(key, payment, Money(minor, "EUR"), is_whole=minor == 2500)


def ask(access: Access, wanted: RefundWish) -> RefundAnswer:
    """Send a wish as the rules will."""
    return stripe.parse_refund(send(stripe.build_refund(access, wanted)))


def send(request: HttpRequest) -> HttpAnswer:
    """Send a request."""
    return http.send(request, timeout_s=TIMEOUT_S)


def seen_refunds(shop: Shop, payment: str) -> list[SeenRefund]:
    """Read the refunds of a payment."""
    answer = send(stripe.build_read_refunds(shop.access, payment))
    read = stripe.parse_read_refunds(answer)
    assert isinstance(read, FoundRefunds), read
    return list(read.refunds)


def test_money_goes_back_once_however_often_it_is_asked(fake: FakeStripe, shop: Shop) -> None:
    _, payment = paid(fake, shop)
    assert seen_refunds(shop, payment) == []
    for way in ("busy", "crashed", "malformed"):
        fake.misbehave("refund", way)
        assert isinstance(ask(shop.access, wish(payment)), RefundUnknown)
    done = ask(shop.access, wish(payment))
    assert isinstance(done, RefundAccepted)
    assert done.state is RefundState.DONE
    assert done.reference is not None
    expected = SeenRefund(done.reference, Money(2500, "EUR"), RefundState.DONE, "ref-1")
    assert seen_refunds(shop, payment) == [expected]


def test_parts_go_back_one_after_another_and_no_more_than_was_taken(
    fake: FakeStripe, shop: Shop
) -> None:
    session, payment = paid(fake, shop)
    ask(shop.access, wish(payment, 1000, "ref-1"))
    fake.refund_status = "pending"
    assert isinstance(ask(shop.access, wish(payment, 1501, "ref-2")), RefundRefused)
    pending = ask(shop.access, wish(payment, 1400, "ref-3"))
    assert isinstance(pending, RefundAccepted)
    assert pending.state is RefundState.PENDING
    fake.send_back(session, amount=100)
    assert [(one.key, one.money.minor) for one in seen_refunds(shop, payment)] == [
        ("ref-1", 1000),
        ("ref-3", 1400),
        (None, 100),
    ]
    refused = ask(shop.access, wish(payment, 1, "ref-4"))
    assert isinstance(refused, RefundRefused)
    assert refused.reason.endswith("has already been refunded.")


def test_the_key_of_a_refund_under_another_wish_says_nothing(fake: FakeStripe, shop: Shop) -> None:
    _, payment = paid(fake, shop)
    ask(shop.access, wish(payment, 1000))
    assert isinstance(ask(shop.access, wish(payment, 1001)), RefundUnknown)


def test_a_session_whose_money_went_back_is_reversed(fake: FakeStripe, shop: Shop) -> None:
    made, handle = shop.checkout()
    fake.pay(made.checkout_id)
    fake.send_back(made.checkout_id, amount=500)
    seen = shop.found(handle)
    assert (seen.state, seen.raw_state) == (ProviderState.REVERSED, "complete/paid, refunded 500")
    assert [one.money for one in seen.payments] == [Money(2500, "EUR")]
    fake.dispute(made.checkout_id)
    assert shop.found(handle).raw_state == "complete/paid, disputed"


def test_a_long_description_is_cut_rather_than_refused(shop: Shop) -> None:
    request = replace(shop.request(), description="ü" * 10_000, merchant_name="é" * 10_000)
    assert isinstance(shop.connection.create(request, timeout_s=TIMEOUT_S), Created)
