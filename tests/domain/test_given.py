"""Checkouts that were made elsewhere, at a service that a shop runs itself."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.at_fakes import AtFake, at_fake
from tests.factories import Factories, everything, fresh
from tests.fakes.billing import FakeBilling
from webapp.core import clock
from webapp.core.errors import InvalidInputError, PaymentInFlightError, ProviderUnreadableError
from webapp.core.states import AttemptState, LinkState
from webapp.domain.payments import audit, given
from webapp.domain.payments.settlement import Outcome
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers.base import CheckoutRequest, Created
from webapp.providers.connection import Connection


@pytest.fixture
def fake() -> FakeBilling:
    return FakeBilling()


@pytest.fixture
def shop(fake: FakeBilling, make: Factories, configure: Configure) -> Iterator[AtFake]:
    with at_fake("billing", make, configure, fake=fake) as shop:
        yield shop


@pytest.fixture
def theirs(shop: AtFake) -> Created:
    """A checkout that the shop itself has made, under a name of its own."""
    request = CheckoutRequest(
        reference="their-order-7",
        money=shop.money,
        description="Made elsewhere",
        merchant_name="The shop",
        return_url="https://shop.example/back",
        notice_url="",
        expires_at=clock.now() + timedelta(hours=1),
    )
    made = shop.connection.create(request, timeout_s=5)
    assert isinstance(made, Created)
    return made


def adopt(make: Factories, link: PaymentLink, checkout_id: str) -> PaymentAttempt:
    return given.adopt(
        make.shop, link.reference, checkout_id=checkout_id, order_id=None, actor="test"
    )


def test_a_link_is_paid_by_a_checkout_that_it_was_given(
    make: Factories, shop: AtFake, fake: FakeBilling, theirs: Created
) -> None:
    link = shop.link()
    attempt = adopt(make, link, theirs.checkout_id)
    assert (attempt.state, attempt.order_id) == (AttemptState.PENDING, theirs.order_id)
    assert fresh(link).may_hold_money
    assert verify(attempt) is Outcome.NOTHING_NEW
    fake.pay(theirs.checkout_id)
    assert verify(attempt) is Outcome.PAID
    assert fresh(link).state is LinkState.PAID
    assert audit.run().is_clean


def test_one_checkout_belongs_to_one_link(make: Factories, shop: AtFake, theirs: Created) -> None:
    adopt(make, shop.link(), theirs.checkout_id)
    with pytest.raises(InvalidInputError, match="another link"):
        adopt(make, shop.link(), theirs.checkout_id)
    assert len(everything(PaymentAttempt)) == 1


def test_a_link_that_somebody_pays_is_given_none(
    make: Factories, shop: AtFake, theirs: Created
) -> None:
    attempt = shop.start()
    with pytest.raises(PaymentInFlightError):
        adopt(make, attempt.link, theirs.checkout_id)


def test_a_checkout_that_is_not_there_is_refused(make: Factories, shop: AtFake) -> None:
    with pytest.raises(InvalidInputError, match="no such checkout"):
        adopt(make, shop.link(), "co_unknown")
    assert everything(PaymentAttempt) == []


def test_without_an_answer_nothing_is_given(
    make: Factories, shop: AtFake, fake: FakeBilling, theirs: Created
) -> None:
    fake.misbehave("read", "lost")
    with pytest.raises(ProviderUnreadableError):
        adopt(make, shop.link(), theirs.checkout_id)
    assert everything(PaymentAttempt) == []


def test_a_provider_that_works_for_us_alone_has_nothing_to_give(
    make: Factories, at_bank: AtBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    del at_bank
    monkeypatch.delattr(Connection, "read")  # nobody is asked
    with pytest.raises(InvalidInputError, match="for us alone"):
        adopt(make, make.link(), "chk-1")
