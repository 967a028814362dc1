"""An email that was not sent yet when its order was refunded is not sent any more."""

import pytest

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.mailing import received, send_due
from tests.domain.refunding import ask, open_items, run, taken
from tests.factories import Factories, everything, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from webapp.core.errors import NotRepeatableError
from webapp.core.states import EmailState, LinkState
from webapp.domain.messages import resending
from webapp.domain.payments import audit, trails
from webapp.models import EmailMessage


def test_an_order_refunded_before_its_email_was_sent_gets_none(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    capture = taken(at_bank)
    ask(make, capture)
    run()
    assert fresh(capture.link).state is LinkState.REFUNDED
    (message,) = everything(EmailMessage)
    assert message.state is EmailState.QUEUED
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
        assert received(server) == []
        assert send_due() == 0, "it does not come up again"
    said = "the order was refunded before it was sent"
    assert (fresh(message).state, message.last_error) == (EmailState.FAILED, said)
    assert (message.lease_token, message.lease_until) == (None, None)
    told = trails.of_link(capture.link)[-1]
    assert (told.name, told.subject, told.detail) == (
        "email_failed",
        message.reference,
        {"reason": said},
    )
    assert open_items() == [], "nobody needs it, so nobody is asked"
    assert audit.run().is_clean
    with pytest.raises(NotRepeatableError):
        resending.retry(message.reference, to=None, actor="cli")


def test_an_order_refunded_in_part_gets_its_email(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    capture = taken(at_bank, ticket_count=0)
    ask(make, capture, 500)
    run()
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
        assert len(received(server)) == 1
    (message,) = everything(EmailMessage)
    assert message.state is EmailState.SENT


def test_of_two_orders_only_the_refunded_one_gets_none(
    at_bank: AtBank, make: Factories, configure: Configure
) -> None:
    refunded = taken(at_bank, buyer_email="back@example.org", ticket_count=0)
    ask(make, refunded)
    run()
    taken(at_bank, buyer_email="here@example.org", ticket_count=0)
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 2
        (arrived,) = received(server)
    assert "here@example.org" in str(arrived["To"])
