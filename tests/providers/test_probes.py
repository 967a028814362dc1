"""One harmless question tells whether a key is taken, and changes nothing at the provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.billing import FakeBilling
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from tests.fakes.shops import (
    TIMEOUT_S,
    Shop,
    billing_shop,
    paystack_shop,
    stripe_shop,
    sumup_shop,
)
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.providers.answers import answer
from webapp.providers import probes
from webapp.providers.base import Access, Unreadable
from webapp.providers.probes import Accepted, Probe, Rejected
from webapp.providers.registry import ADAPTERS

# The provider, the call that its fake answers, and what is told of the account.
TOLD: dict[str, tuple[str, Accepted]] = {
    "sumup": ("merchant", Accepted("MCTEST42", "Sample Shop", is_live=False, currency="EUR")),
    "paystack": ("verify", Accepted()),
    "stripe": ("own_account", Accepted("acct_1Own")),
    "billing": ("read", Accepted()),
}


@contextmanager
def shop_at(provider: str) -> Iterator[tuple[Fake, Shop]]:
    match provider:
        case "sumup":
            fake: Any = FakeSumUp()
            shop = sumup_shop(fake)
        case "paystack":
            fake = FakePaystack()
            shop = paystack_shop(fake)
        case "stripe":
            fake = FakeStripe()
            shop = stripe_shop(fake)
        case _:
            fake = FakeBilling()
            shop = billing_shop(fake)
    with shop as opened:
        yield fake, opened


def ask(provider: str, access: Access, timeout_s: float = TIMEOUT_S) -> Probe:
    return probes.ask(provider, access, timeout_s=timeout_s)


@pytest.mark.parametrize("provider", TOLD)
def test_a_good_key_is_taken_and_a_wrong_one_is_not(provider: str) -> None:
    _, told = TOLD[provider]
    with shop_at(provider) as (_, shop):
        assert ask(provider, shop.access) == told
        wrong = replace(shop.access, secrets={"api_key": "sk_test_wrong"})
        assert ask(provider, wrong) == Rejected("the key is not accepted")


# A billing service says what it has to say by its status alone.
UNREADABLE = [
    (provider, way)
    for provider in TOLD
    for way in ("unavailable", "lost", "malformed")
    if (provider, way) != ("billing", "malformed")
]


@pytest.mark.parametrize(("provider", "way"), UNREADABLE)
def test_a_provider_that_cannot_be_read_says_nothing_about_the_key(provider: str, way: str) -> None:
    call, _ = TOLD[provider]
    with shop_at(provider) as (fake, shop):
        fake.misbehave(call, way)
        assert isinstance(ask(provider, shop.access), Unreadable)


def test_a_key_without_the_merchant_account_that_was_named_is_not_taken() -> None:
    with shop_at("sumup") as (_, shop):
        other = replace(shop.access, account="MCNOBODY")
        words = "this key has no merchant account with this code"
        assert ask("sumup", other) == Rejected(words)


@pytest.mark.parametrize("currency", ["HUF", "BGN"])
def test_an_account_whose_currency_no_link_can_ask_for_is_refused_with_that_reason(
    currency: str,
) -> None:
    with shop_at("sumup") as (fake, shop):
        fake.currency = currency  # type: ignore[attr-defined]  # a SumUp
        words = f"the account takes {currency}, which no link here can ask for"
        assert ask("sumup", shop.access) == Rejected(words)


def test_a_connected_account_speaks_for_itself() -> None:
    fake = FakeStripe(connected=["acct_2Other"])
    with stripe_shop(fake, account="acct_2Other") as shop:
        assert ask("stripe", shop.access) == Accepted("acct_2Other")
        nobodys = replace(shop.access, options={"connected_account": "acct_3"})
        assert ask("stripe", nobodys) == Rejected("the key is not allowed to do this")


@pytest.mark.parametrize(
    ("provider", "status", "content", "expected"),
    [
        ("stripe", 200, {"object": "balance"}, "status 200, the body is no account"),
        ("stripe", 200, {"object": "account"}, "id is not understood"),
        ("stripe", 400, {}, "status 400"),
        ("sumup", 200, {"merchant_code": "M1"}, "default_currency is not understood"),
        ("sumup", 200, [], "status 200, the body is no JSON object"),
        ("paystack", 200, b"<html>", "status 200, the body is no JSON object"),
        ("sandbox", 404, {"code": "other"}, "status 404"),
        ("billing", 500, b"", "status 500"),
    ],
)
def test_what_is_not_understood_is_said_so(
    provider: str, status: int, content: object, expected: str
) -> None:
    assert probes.parse(provider, answer(status, content)) == Unreadable(expected)


@pytest.mark.parametrize("provider", ADAPTERS)
def test_the_question_is_a_get_and_carries_no_key_in_its_address(provider: str) -> None:
    access = Access("M1", is_live=False, base_url="http://x.test", secrets={"api_key": "sk_t_1"})
    question = probes.build(provider, access)
    assert (question.method, question.body) == ("GET", None)
    assert "sk_t_1" not in question.url
    assert "sk_t_1" not in repr(question)


def test_stripes_name_for_the_account_is_told() -> None:
    said = {
        "object": "account",
        "id": "acct_1",
        "settings": {"dashboard": {"display_name": "Hall"}},
    }
    assert probes.parse("stripe", answer(200, said)) == Accepted("acct_1", "Hall")
