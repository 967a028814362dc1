import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.mailing import Moment, make_due, pdf_of, promised, received, send_due
from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import Fault, Script, serving
from tests.unit.pdf_pages import Pages
from webapp.core import ticket_code
from webapp.core.states import EmailState
from webapp.domain.payments import status
from webapp.domain.payments.status import Deliveries
from webapp.domain.tickets import buyer_tokens, delivery, orders
from webapp.domain.transaction import TransactionError, transaction
from webapp.extensions import db, settings
from webapp.models import PaymentLink, Ticket, TicketDocument


def test_the_email_brings_every_ticket_on_a_page_whose_code_verifies(
    make: Factories, configure: Configure
) -> None:
    message = promised(make, ticket_count=2, event=make.event())
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    (arrived,) = received(server)
    printed = pdf_of(arrived)
    assert printed is not None
    codes = [code for page in Pages(printed).codes for code in page]
    claims = [ticket_code.verify(code, settings.signer.public_keys) for code in codes]
    assert [claim.serial for claim in claims if claim] == [
        ticket.serial for ticket in everything(Ticket)
    ]
    assert fresh(message).state is EmailState.SENT


def test_the_tickets_are_printed_once_and_kept_for_every_try(
    make: Factories, configure: Configure
) -> None:
    message = promised(make, ticket_count=1)
    with serving({"RCPT": "450 4.2.0 greylisted"}) as server:
        configure(mail_url=url_of(server))
        send_due()
        (kept,) = everything(TicketDocument)
        assert kept.content.startswith(b"%PDF")
        # A mark that no new printing would carry.
        make.change(kept, content=kept.content + b"% kept")
        server.script = {}
        make_due(make, message)
        send_due()
    (arrived,) = received(server)
    assert pdf_of(arrived) == kept.content
    assert len(everything(TicketDocument)) == 1


def test_two_who_print_at_once_both_return_what_was_stored(make: Factories, app: Flask) -> None:
    link_id = promised(make, ticket_count=1).link_id
    order = orders.order_of(db.session.get_one(PaymentLink, link_id))
    printed = side_by_side(app, [lambda: delivery.pdf(link_id, order)] * 4)
    (kept,) = everything(TicketDocument)
    assert set(printed) == {kept.content}


def test_nothing_is_printed_inside_a_transaction(make: Factories) -> None:
    link = db.session.get_one(PaymentLink, promised(make, ticket_count=1).link_id)
    order = orders.order_of(link)

    def print_inside() -> None:
        with transaction():
            delivery.pdf(link.id, order)

    with pytest.raises(TransactionError):
        print_inside()
    assert everything(TicketDocument) == []


def test_a_message_too_large_goes_without_its_pdf_and_says_where_the_tickets_are(
    make: Factories, configure: Configure
) -> None:
    message = promised(make, ticket_count=2)
    with serving() as server:
        configure(mail_url=url_of(server), mail_max_bytes=30_000)
        send_due()
    (arrived,) = received(server)
    assert pdf_of(arrived) is None
    text = arrived.get_body(("plain",))
    assert text is not None
    assert buyer_tokens.page_url(message.link.code) in text.get_content()
    assert len(server.taken[0].original_content or b"") < 30_000
    assert fresh(message).state is EmailState.SENT
    assert len(everything(TicketDocument)) == 1


def test_an_order_without_tickets_brings_a_receipt(make: Factories, configure: Configure) -> None:
    promised(make, ticket_count=0)
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    (arrived,) = received(server)
    assert list(arrived.iter_attachments()) == []
    assert everything(TicketDocument) == []


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ({}, Deliveries(2, emails_sent=1, emails_waiting=0, emails_failed=0)),
        (
            {"RCPT": "450 later"},
            Deliveries(2, emails_sent=0, emails_waiting=1, emails_failed=0),
        ),
        (
            {"MESSAGE": Fault.DROP},
            Deliveries(2, emails_sent=0, emails_waiting=1, emails_failed=0),
        ),
        (
            {"RCPT": "550 no"},
            Deliveries(2, emails_sent=0, emails_waiting=0, emails_failed=1),
        ),
    ],
)
def test_the_success_page_counts_tickets_and_what_became_of_the_email(
    make: Factories, configure: Configure, script: Script, told: Deliveries
) -> None:
    message = promised(make, ticket_count=2)
    waiting = Deliveries(2, emails_sent=0, emails_waiting=1, emails_failed=0)
    assert status.deliveries(message.link_id) == waiting
    with serving(script) as server:
        configure(mail_url=url_of(server))
        send_due()
    assert status.deliveries(message.link_id) == told


def test_a_message_in_the_servers_hands_counts_as_waiting(
    make: Factories, configure: Configure, app: Flask
) -> None:
    link_id = promised(make).link_id
    seen: list[Deliveries] = []

    def look() -> None:
        with app.app_context():
            seen.append(status.deliveries(link_id))

    with serving(Moment("MESSAGE", look)) as server:
        configure(mail_url=url_of(server))
        send_due()
    assert seen == [Deliveries(0, emails_sent=0, emails_waiting=1, emails_failed=0)]
