import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Configure
from tests.factories import Factories, everything, fresh
from tests.sandbox.process import BankProcess
from webapp.core.states import LinkState
from webapp.domain.desk import demo, users
from webapp.domain.payments import audit
from webapp.extensions import db
from webapp.models import PaymentLink, User


def test_the_examples_come_to_their_states_at_a_real_bank_and_only_once(
    rows: Flask, configure: Configure, bank: BankProcess
) -> None:
    configure(sandbox_url=bank.url)
    made = demo.prepare(has_examples=True)
    states = {link.reference: link.state for link in everything(PaymentLink)}
    payable = db.session.scalars(
        select(PaymentLink).where(PaymentLink.code == made.payable_code)
    ).one()
    assert states == {
        "DEMO-DRAFT": LinkState.DRAFT,
        "TEST-001": LinkState.OPEN,
        "DEMO-PAID": LinkState.PAID,
        "DEMO-REVIEW": LinkState.REVIEW,
        "DEMO-EXPIRED": LinkState.EXPIRED,
        "DEMO-CANCELED": LinkState.CANCELED,
        payable.reference: LinkState.OPEN,
    }
    assert audit.run().is_clean
    assert demo.prepare(has_examples=True).payable_code == made.payable_code
    assert {link.reference: link.state for link in everything(PaymentLink)} == states


def test_where_the_bank_is_away_the_examples_wait(rows: Flask) -> None:
    demo.prepare(has_examples=True)
    demo.prepare(has_examples=True)
    paid = db.session.scalars(select(PaymentLink).where(PaymentLink.reference == "DEMO-PAID")).one()
    assert paid.state is LinkState.OPEN
    assert paid.may_hold_money
    assert audit.run().is_clean


def test_a_password_that_was_changed_is_told_no_more(rows: Flask, configure: Configure) -> None:
    configure(environment="development")
    first = demo.prepare(has_examples=False)
    assert first.owner_password is not None
    assert users.verify(demo.OWNER, first.owner_password) is not None
    assert demo.prepare(has_examples=False).owner_password == first.owner_password
    users.set_password(demo.OWNER, "another one altogether")
    again = demo.prepare(has_examples=False)
    assert (again.owner_password, again.has_owner) == (None, True)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_an_address_of_somebody_else_stays_theirs_and_the_demo_goes_on(
    make: Factories, configure: Configure, environment: str
) -> None:
    configure(environment=environment)
    users.make(make.shop, email=demo.OWNER, password="their own password", name="Otto")
    made = demo.prepare(has_examples=False)
    assert (made.owner_password, made.has_owner) == (None, False)
    assert made.payable_code
    assert [user.merchant_id for user in everything(User)] == [fresh(make.shop).id]
    assert users.verify(demo.OWNER, "their own password") is not None
