import pytest
from flask import Flask

from tests.cli.test_links import run
from tests.conftest import Configure
from tests.domain.mailing import promised, send_due
from tests.factories import Factories, fresh
from tests.unit.handover import url_of
from tests.unit.mail_servers import serving
from webapp.core.states import EmailState
from webapp.models import EmailMessage


@pytest.fixture
def failed(make: Factories, configure: Configure) -> EmailMessage:
    """A message whose recipient was refused."""
    message = promised(make)
    with serving({"RCPT": "550 5.1.1 unknown"}) as server:
        configure(mail_url=url_of(server))
        send_due()
    return message


def test_what_was_given_up_is_listed_and_sent_again_by_commands(
    rows: Flask, make: Factories, failed: EmailMessage
) -> None:
    waiting = promised(make)
    shown = run(rows, "mail", "list")
    assert [line.split()[0] for line in shown.output.splitlines()] == [
        waiting.reference,
        failed.reference,
    ]
    shown = run(rows, "mail", "list", "--failed")
    assert shown.output.split("  ") == [
        failed.reference,
        failed.link.reference,
        "FAILED",
        "a***@example.org",
        "the recipient was refused: 550 5.1.1\n",
    ]
    done = run(rows, "mail", "retry", failed.link.reference, "--to", "ada@example.net")
    assert (done.exit_code, done.output) == (
        0,
        f"{failed.link.reference}: its email is in the queue again.\n",
    )
    assert fresh(failed).state is EmailState.QUEUED
    assert failed.to_address == "ada@example.net"
    assert run(rows, "mail", "list", "--failed").output == ""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("msg-nobody",), 1, "no message and no order"),
        (("{}", "--to", "jörg@example.org"), 2, "plain letters before the @"),
        (("{}", "--to", "ada"), 2, "to: must be an address such as"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    rows: Flask, failed: EmailMessage, words: tuple[str, ...], code: int, says: str
) -> None:
    done = run(rows, "mail", "retry", *(word.format(failed.reference) for word in words))
    assert (done.exit_code, len(done.output.splitlines())) == (code, 1)
    assert says in done.output
    assert fresh(failed).state is EmailState.FAILED


def test_a_message_that_was_not_given_up_is_left_alone(rows: Flask, make: Factories) -> None:
    message = promised(make)
    done = run(rows, "mail", "retry", message.reference)
    assert done.exit_code == 1
    assert "only what FAILED is sent again" in done.output
