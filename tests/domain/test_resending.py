import pytest

from tests.conftest import Configure
from tests.domain.mailing import open_items, promised, received, send_due
from tests.factories import Factories, everything, fresh, paid
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from webapp.core.errors import (
    InvalidInputError,
    InvalidTransitionError,
    NotFoundError,
    NotRepeatableError,
)
from webapp.core.states import AttentionState, EmailState, LinkState
from webapp.domain.messages import resending
from webapp.domain.payments import audit, settlement
from webapp.models import AttentionItem, EmailMessage, PaymentEvent, PaymentLink

REFUSES = {"RCPT": "550 5.1.1 unknown"}


def retry(name: str, *, to: str | None = None) -> PaymentLink:
    return resending.retry(name, to=to, actor="cli")


def names_of_events() -> list[str]:
    return [event.name for event in everything(PaymentEvent)]


@pytest.fixture
def failed(make: Factories, configure: Configure) -> EmailMessage:
    """A message whose recipient was refused."""
    message = promised(make)
    with serving(REFUSES) as server:
        configure(mail_url=url_of(server))
        send_due()
    assert fresh(message).state is EmailState.FAILED
    return message


def test_what_was_refused_is_sent_to_the_address_that_a_person_corrects(
    failed: EmailMessage, configure: Configure
) -> None:
    retry(failed.reference, to=" Ada@Example.COM ")
    assert (fresh(failed).state, failed.tries, failed.last_error) == (EmailState.QUEUED, 0, None)
    assert failed.to_address == "Ada@example.com"
    assert open_items(failed) == []
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
    assert server.taken[0].rcpt_tos == ["Ada@example.com"]
    assert [one["Message-ID"] for one in received(server)] == [
        f"<{failed.reference}@tillgate.example>"
    ]
    assert fresh(failed).state is EmailState.SENT
    assert names_of_events()[-4:] == [
        "email_address_corrected",
        "email_requeued",
        "attention_ended",
        "email_sent",
    ]
    assert not any("example" in str(event.detail) for event in everything(PaymentEvent))
    assert audit.run().is_clean


@pytest.mark.parametrize("column", ["reference", "code"])
def test_an_order_names_what_failed_of_it(failed: EmailMessage, column: str) -> None:
    retry(getattr(failed.link, column))
    assert fresh(failed).state is EmailState.QUEUED
    assert "email_address_corrected" not in names_of_events()


def test_what_is_refused_again_asks_a_person_again(
    failed: EmailMessage, configure: Configure
) -> None:
    retry(failed.reference)
    with serving(REFUSES) as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
    assert fresh(failed).state is EmailState.FAILED
    assert [item.state for item in everything(AttentionItem)] == [
        AttentionState.ENDED,
        AttentionState.OPEN,
    ]


def test_an_item_of_another_message_stays_open(make: Factories, failed: EmailMessage) -> None:
    other = promised(make)
    make.change(other, state=EmailState.FAILED, link_id=failed.link_id)
    retry(other.reference)
    assert open_items(failed) == ["email_failed"]
    assert fresh(failed).state is EmailState.FAILED


@pytest.mark.parametrize("state", [EmailState.QUEUED, EmailState.SENT, EmailState.DOUBTFUL])
def test_only_what_failed_is_sent_again(make: Factories, state: EmailState) -> None:
    message = promised(make)
    make.change(message, state=state)
    with pytest.raises(InvalidTransitionError, match=f"only what FAILED .* is {state}"):
        retry(message.reference, to="new@example.org")
    assert fresh(message).to_address == "ada@example.org"


def test_an_order_that_told_no_address_is_promised_its_email_with_one(
    make: Factories, configure: Configure
) -> None:
    attempt = make.pending(buyer_email=None, ticket_count=0)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    with pytest.raises(InvalidTransitionError, match="wants --to"):
        retry(attempt.link.reference)
    retry(attempt.link.reference, to="ada@example.org")
    (item,) = everything(AttentionItem)
    assert item.state is AttentionState.ENDED
    with serving() as server:
        configure(mail_url=url_of(server))
        assert send_due() == 1
    assert server.taken[0].rcpt_tos == ["ada@example.org"]
    assert audit.run().is_clean


def test_an_order_that_was_not_paid_is_promised_nothing(make: Factories) -> None:
    link = make.link()
    with pytest.raises(InvalidTransitionError):
        retry(link.reference, to="ada@example.org")
    assert everything(EmailMessage) == []


@pytest.mark.parametrize("by", ["order", "message"])
def test_what_was_refunded_is_not_sent_again(
    make: Factories, failed: EmailMessage, by: str
) -> None:
    make.change(failed.link, state=LinkState.REFUNDED)
    with pytest.raises(NotRepeatableError):
        retry(failed.reference if by == "message" else failed.link.reference)
    assert fresh(failed).state is EmailState.FAILED


def test_a_name_of_nothing_and_an_address_of_nobody_are_refused(failed: EmailMessage) -> None:
    with pytest.raises(NotFoundError, match="no message and no order"):
        retry("msg-nobody")
    with pytest.raises(InvalidInputError, match="plain letters"):
        retry(failed.reference, to="jörg@example.org")
    assert fresh(failed).state is EmailState.FAILED
