"""Checkouts that were made elsewhere, at a service that a shop runs itself."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.at_fakes import AtFake, at_fake
from tests.domain.side_by_side import raised, side_by_side
from tests.factories import Factories, everything, fresh
from tests.fakes.billing import Checkout, FakeBilling
from webapp.core import clock
from webapp.core.errors import InvalidInputError, PaymentInFlightError, ProviderUnreadableError
from webapp.core.states import AttemptState, LinkState
from webapp.domain.desk import merchants
from webapp.domain.payments import account_changes, accounts, audit, given
from webapp.domain.payments.settlement import Outcome
from webapp.domain.transaction import transaction
from webapp.extensions import db
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


def connect_again(make: Factories, shop: AtFake) -> None:
    """Store the same key as another account, which the next links are paid to."""
    with transaction():
        second = accounts.connect(
            make.shop,
            "billing",
            "the-same-again",
            is_live=True,
            secrets=shop.connection.access.secrets,
        )
    account_changes.choose(second, actor="test")


def test_one_checkout_belongs_to_one_link_though_its_account_is_connected_twice(
    make: Factories, shop: AtFake, theirs: Created
) -> None:
    adopt(make, shop.link(), theirs.checkout_id)
    connect_again(make, shop)
    with pytest.raises(InvalidInputError, match="another link"):
        adopt(make, shop.link(), theirs.checkout_id)
    assert len(everything(PaymentAttempt)) == 1


def test_two_who_give_one_checkout_to_links_of_two_accounts_at_once_give_it_once(
    make: Factories, shop: AtFake, theirs: Created, app: Flask
) -> None:
    first = shop.link()
    connect_again(make, shop)
    slug, names = make.shop.slug, [first.reference, shop.link().reference]
    db.session.rollback()

    def give(name: str) -> type[Exception] | None:
        merchant, checkout_id = merchants.get(slug), theirs.checkout_id
        return raised(
            lambda: given.adopt(
                merchant, name, checkout_id=checkout_id, order_id=None, actor="test"
            )
        )

    said = side_by_side(app, [partial(give, name) for name in names])
    assert sorted(map(str, said)) == sorted(map(str, [None, InvalidInputError]))
    assert len(everything(PaymentAttempt)) == 1


def test_a_service_that_names_a_checkout_only_when_it_is_paid_is_believed(
    make: Factories, shop: AtFake, fake: FakeBilling, theirs: Created
) -> None:
    checkout = fake.checkouts[theirs.checkout_id]
    with pytest.MonkeyPatch.context() as curt:
        curt.setattr(Checkout, "as_json", lambda _self: {"status": "open"})
        attempt = adopt(make, shop.link(), theirs.checkout_id)
        assert verify(attempt) is Outcome.NOTHING_NEW
    fake.pay(theirs.checkout_id)
    assert checkout.as_json()["reference"] == "their-order-7"
    assert verify(attempt) is Outcome.PAID
    assert audit.run().is_clean


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
