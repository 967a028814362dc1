from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.conftest import Configure
from tests.domain.mailing import make_due, open_items, promised, received, send_due, wait_s
from tests.factories import Factories, everything, fresh, paid
from tests.unit.handover import SHORT_S, url_of
from tests.unit.mail_servers import Fault, serving
from webapp.core.states import EmailState, LinkState
from webapp.domain.messages import emails
from webapp.domain.messages.emails import Lease, Letter, Template
from webapp.domain.payments import settlement
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db
from webapp.models import (
    AttentionItem,
    Capture,
    EmailMessage,
    PaymentEvent,
    PaymentLink,
    Ticket,
)


def test_a_promise_that_is_rolled_back_was_never_made(make: Factories) -> None:
    link = make.link()

    def promise_and_fail() -> None:
        with transaction():
            emails.promise(lock(PaymentLink, PaymentLink.id == link.id), Template.TICKETS)
            db.session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        promise_and_fail()
    assert everything(EmailMessage) == []


def test_a_payment_whose_promise_cannot_be_written_is_not_settled_either(make: Factories) -> None:
    attempt = make.pending()
    with transaction():
        emails.promise(lock(PaymentLink, PaymentLink.id == attempt.link_id), Template.TICKETS)
    with pytest.raises(IntegrityError):
        settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert fresh(attempt.link).state is LinkState.OPEN
    assert everything(Capture) == []
    assert everything(Ticket) == []


def test_the_same_promise_cannot_be_made_twice(make: Factories) -> None:
    message = promised(make)
    with pytest.raises(IntegrityError), transaction():
        emails.promise(lock(PaymentLink, PaymentLink.id == message.link_id), Template.TICKETS)
    assert len(everything(EmailMessage)) == 1


def test_without_an_address_a_person_is_asked(make: Factories) -> None:
    attempt = make.pending(buyer_email=None)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    assert everything(EmailMessage) == []
    (item,) = everything(AttentionItem)
    assert (item.kind, item.subject) == ("email_failed", attempt.link.reference)


def test_a_message_is_sent_once_under_its_own_reference(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving() as server:
        configure(mail_url=url_of(server), mail_from="Tickets <tickets@pay.example>")
        assert send_due() == 1
        assert send_due() == 0
    (arrived,) = received(server)
    assert arrived["Message-ID"] == f"<{message.reference}@pay.example>"
    assert server.taken[0].rcpt_tos == [message.to_address]
    assert fresh(message).state is EmailState.SENT
    assert message.sent_at is not None
    assert message.lease_token is None
    assert [event.name for event in everything(PaymentEvent)].count("email_sent") == 1


@pytest.mark.parametrize(
    "script", [{"RCPT": "550 5.1.1 unknown"}, {"DATA": "554 no"}, {"MESSAGE": "554 5.7.1 spam"}]
)
def test_what_a_server_refuses_for_good_fails_at_once_and_asks_a_person(
    make: Factories, configure: Configure, script: dict[str, str]
) -> None:
    message = promised(make)
    with serving(script) as server:
        configure(mail_url=url_of(server))
        send_due()
        make_due(make, message)
        assert send_due() == 0
    assert fresh(message).state is EmailState.FAILED
    assert message.tries == 1
    assert open_items(message) == ["email_failed"]


def test_an_address_that_is_none_fails_before_any_server_hears_of_it(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    make.change(message, to_address="nobody")
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    assert fresh(message).state is EmailState.FAILED
    assert server.asked == []


def test_a_greylisted_message_waits_twice_as_long_each_time_and_then_fails(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    waits = []
    with serving({"RCPT": "450 4.2.0 greylisted"}) as server:
        configure(mail_url=url_of(server), mail_tries=4)
        for _ in range(3):
            assert send_due() == 1
            assert fresh(message).state is EmailState.QUEUED
            assert open_items(message) == []
            waits.append(wait_s(message))
            assert send_due() == 0
            make_due(make, message)
        send_due()
    assert waits == [pytest.approx(60 * factor, abs=15) for factor in (1, 2, 4)]
    assert fresh(message).state is EmailState.FAILED
    assert message.last_error == "the recipient was refused: 450 4.2.0"
    assert open_items(message) == ["email_failed"]


def test_no_wait_is_longer_than_an_hour(make: Factories, configure: Configure) -> None:
    message = promised(make)
    make.change(message, tries=9)
    with serving({"RCPT": "450 4.2.0 greylisted"}) as server:
        configure(mail_url=url_of(server), mail_tries=20)
        send_due()
    assert wait_s(message) == pytest.approx(3600, abs=15)


def test_a_message_that_was_greylisted_is_sent_when_its_time_comes(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)
    with serving({"RCPT": "450 4.2.0 greylisted"}) as server:
        configure(mail_url=url_of(server))
        send_due()
        server.script = {}
        make_due(make, message)
        send_due()
    assert fresh(message).state is EmailState.SENT
    assert message.last_error is None
    assert len(received(server)) == 1


@pytest.mark.parametrize(
    ("stage", "state"),
    [
        ("RCPT", EmailState.QUEUED),
        ("DATA", EmailState.QUEUED),
        ("MESSAGE", EmailState.DOUBTFUL),
    ],
)
@pytest.mark.parametrize("fault", list(Fault))
def test_a_server_that_falls_silent_leaves_doubt_only_after_the_whole_message(
    make: Factories, configure: Configure, stage: str, state: EmailState, fault: Fault
) -> None:
    message = promised(make)
    timeout_s = SHORT_S if fault is Fault.SILENCE else 10
    with serving({stage: fault}) as server:
        configure(mail_url=url_of(server), mail_timeout_s=timeout_s)
        send_due()
    assert server.asked[-1] == stage
    assert fresh(message).state is state
    assert message.tries == (1 if state is EmailState.DOUBTFUL else 0)
    assert open_items(message) == []


def _composed(lease: Lease) -> Letter:
    return Letter("ada@example.org", f"Message-ID: <{lease.reference}@x.example>\r\n\r\n".encode())


def test_a_message_that_cannot_be_composed_moves_only_its_own_clock(
    make: Factories, configure: Configure
) -> None:
    first, second = promised(make), promised(make)

    def compose(lease: Lease) -> Letter:
        if lease.message_id == first.id:
            raise ZeroDivisionError
        return _composed(lease)

    with serving() as server:
        configure(mail_url=url_of(server), mail_tries=2)
        assert send_due({"tickets": compose}) == 2
        assert fresh(first).state is EmailState.QUEUED
        assert first.last_error == "our code failed (ZeroDivisionError)"
        assert wait_s(first) > 30
        assert fresh(second).state is EmailState.SENT
        make_due(make, first)
        send_due({"tickets": compose})
    assert fresh(first).state is EmailState.FAILED
    assert open_items(first) == ["email_failed"]


def test_a_message_of_a_kind_that_nobody_composes_does_not_stop_the_others(
    make: Factories, configure: Configure
) -> None:
    strange, ordinary = promised(make), promised(make)
    make.change(strange, template="from-a-later-version")
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due({"tickets": _composed}) == 2
    assert fresh(strange).state is EmailState.QUEUED
    assert wait_s(strange) > 30
    assert fresh(ordinary).state is EmailState.SENT


def test_what_failed_in_our_code_after_the_hand_over_began_is_doubtful(
    make: Factories, configure: Configure
) -> None:
    message = promised(make)

    def compose(lease: Lease) -> Letter:
        content: Any = None  # what a composer must never return
        return Letter(message.to_address, content)

    with serving() as server:
        configure(mail_url=url_of(server))
        send_due({"tickets": compose})
    assert fresh(message).state is EmailState.DOUBTFUL
