from flask import Flask
from sqlalchemy import select

from tests.conftest import Configure
from tests.factories import everything
from tests.sandbox.process import BankProcess
from webapp.core.states import LinkState
from webapp.domain.desk import demo
from webapp.domain.payments import audit
from webapp.extensions import db
from webapp.models import PaymentLink


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
