"""The merchant's own door to sending an email again."""

from functools import partial

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.domain.mailing import open_items, promised, received, send_due
from tests.domain.side_by_side import raised, side_by_side
from tests.factories import Factories, everything, fresh, paid
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from webapp.core.errors import InvalidInputError, NotFoundError, NotRepeatableError
from webapp.core.states import EmailState, LinkState
from webapp.domain.messages import resending
from webapp.domain.payments import audit, settlement
from webapp.extensions import queue_redis
from webapp.jobs import JobName
from webapp.models import EmailMessage, PaymentEvent, PaymentLink


def again(
    make: Factories, link: PaymentLink, message: EmailMessage | None, to: str | None = None
) -> None:
    reference = message.reference if message else None
    resending.again(make.shop, link.reference, reference, to=to, actor="user:1")


def failed(make: Factories, configure: Configure) -> EmailMessage:
    message = promised(make)
    with serving({"RCPT": "550 5.1.1 unknown"}) as server:
        configure(mail_url=url_of(server))
        send_due()
    return fresh(message)


def sent(make: Factories, configure: Configure) -> EmailMessage:
    message = promised(make)
    with serving() as server:
        configure(mail_url=url_of(server))
        send_due()
    assert fresh(message).state is EmailState.SENT
    return message


def test_what_failed_goes_itself_to_the_corrected_address(
    make: Factories, configure: Configure
) -> None:
    message = failed(make, configure)
    queue_redis.flushdb()
    again(make, message.link, message, "ada@example.net")
    assert queue_redis.exists(f"kick:{JobName.TICKET_EMAIL}")
    assert (fresh(message).state, message.to_address) == (EmailState.QUEUED, "ada@example.net")
    assert open_items(message) == []
    assert len(everything(EmailMessage)) == 1


def test_of_what_was_sent_a_copy_goes_out_as_a_message_of_its_own(
    make: Factories, configure: Configure
) -> None:
    first = sent(make, configure)
    again(make, first.link, first, "ada@example.net")
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
    (copy,) = [message for message in everything(EmailMessage) if message.id != first.id]
    assert (copy.state, copy.promise) == (EmailState.SENT, f"tickets:{first.link.reference}:1")
    assert server.taken[0].rcpt_tos == ["ada@example.net"]
    assert [one["Message-ID"] for one in received(server)] == [
        f"<{copy.reference}@tillgate.example>"
    ]
    assert fresh(first).to_address == "ada@example.org"
    assert "email_copy_promised" in [event.name for event in everything(PaymentEvent)]
    assert not any("example" in str(event.detail) for event in everything(PaymentEvent))
    assert audit.run().is_clean


def test_five_copies_are_the_most(make: Factories) -> None:
    first = promised(make)
    make.change(first, state=EmailState.SENT)
    for _ in range(resending.MAX_COPIES):
        again(make, first.link, first)
        newest = everything(EmailMessage)[-1]
        make.change(newest, state=EmailState.SENT)
    with pytest.raises(NotRepeatableError, match="5 further copies"):
        again(make, first.link, first)
    assert len(everything(EmailMessage)) == 6


@pytest.mark.parametrize("state", [EmailState.QUEUED, EmailState.DOUBTFUL])
def test_nothing_is_copied_while_an_email_is_under_way(make: Factories, state: EmailState) -> None:
    first = promised(make)
    make.change(first, state=EmailState.SENT)
    again(make, first.link, first)
    make.change(everything(EmailMessage)[-1], state=state)
    with pytest.raises(NotRepeatableError, match="on its way"):
        again(make, first.link, first)
    assert len(everything(EmailMessage)) == 2


def test_two_presses_at_once_make_one_copy(make: Factories, app: Flask) -> None:
    first = promised(make)
    make.change(first, state=EmailState.SENT)
    shop, order, name = fresh(make.shop), first.link.reference, first.reference
    press = partial(resending.again, shop, order, name, to=None, actor="user:1")
    outcomes = side_by_side(app, [partial(raised, press)] * 2)
    assert sorted(outcomes, key=str) == [NotRepeatableError, None]
    assert len(everything(EmailMessage)) == 2


def test_what_stays_in_doubt_is_copied_and_its_item_ends(make: Factories) -> None:
    first = promised(make)
    make.change(first, state=EmailState.DOUBTFUL, repeats=1)
    again(make, first.link, first)
    assert [message.state for message in everything(EmailMessage)] == [
        EmailState.DOUBTFUL,
        EmailState.QUEUED,
    ]


def test_a_paid_order_without_an_address_is_promised_its_email_with_one(make: Factories) -> None:
    attempt = make.pending(buyer_email=None, ticket_count=0)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    with pytest.raises(InvalidInputError) as refusal:
        again(make, attempt.link, None)
    assert refusal.value.field == "to"
    again(make, attempt.link, None, "ada@example.org")
    assert [message.to_address for message in everything(EmailMessage)] == ["ada@example.org"]
    with pytest.raises(NotRepeatableError):
        again(make, attempt.link, None, "ada@example.org")
    assert len(everything(EmailMessage)) == 1
    assert audit.run().is_clean


def test_what_is_not_paid_is_not_sent(make: Factories) -> None:
    link = make.link()
    with pytest.raises(NotRepeatableError):
        again(make, link, None, "ada@example.org")
    message = promised(make)
    make.change(message, state=EmailState.SENT)
    make.change(message.link, state=LinkState.REFUNDED)
    with pytest.raises(NotRepeatableError):
        again(make, message.link, message)
    assert len(everything(EmailMessage)) == 1


@pytest.mark.parametrize("state", [EmailState.SENT, EmailState.FAILED])
def test_what_was_refunded_is_never_sent_again(make: Factories, state: EmailState) -> None:
    message = promised(make)
    make.change(message, state=state)
    make.change(message.link, state=LinkState.REFUNDED)
    with pytest.raises(NotRepeatableError, match="only what a paid order buys"):
        again(make, message.link, message, "ada@example.net")
    assert (fresh(message).state, message.to_address) == (state, "ada@example.org")
    assert len(everything(EmailMessage)) == 1


def test_what_failed_waits_while_another_is_under_way(make: Factories) -> None:
    first = promised(make)
    make.change(first, state=EmailState.SENT)
    again(make, first.link, first)
    make.change(first, state=EmailState.FAILED)
    with pytest.raises(NotRepeatableError, match="on its way"):
        again(make, first.link, first)
    assert fresh(first).state is EmailState.FAILED


@pytest.mark.parametrize("to", ["nobody", "jörg@example.org", "a@example.org, b@example.org"])
def test_an_address_of_nobody_is_refused_and_nothing_changes(make: Factories, to: str) -> None:
    message = promised(make)
    make.change(message, state=EmailState.FAILED)
    with pytest.raises(InvalidInputError):
        again(make, message.link, message, to)
    assert (fresh(message).state, message.to_address) == (EmailState.FAILED, "ada@example.org")


def test_an_email_of_another_merchant_or_another_order_is_not_there(make: Factories) -> None:
    message, other = promised(make), promised(make)
    make.change(message, state=EmailState.FAILED)
    stranger = make.merchant()
    for merchant, order in ((stranger, message.link), (make.shop, other.link)):
        with pytest.raises(NotFoundError):
            resending.again(merchant, order.reference, message.reference, to=None, actor="user:1")
    with pytest.raises(NotFoundError):
        resending.again(stranger, message.link.reference, None, to="x@example.org", actor="user:1")
    assert fresh(message).state is EmailState.FAILED
    assert len(everything(EmailMessage)) == 2
