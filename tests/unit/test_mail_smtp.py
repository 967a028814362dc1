import socket
import time
from pathlib import Path

import pytest

from tests.unit.handover import BUYER, MESSAGE, PATIENCE_S, SENDER, SHORT_S, hand_over, url_of
from tests.unit.mail_servers import Fault, answering_nobody, dripping, serving
from webapp import mail
from webapp.mail import (
    MailDoubtfulError,
    MailPostponedError,
    MailRefusedError,
    MailUnavailableError,
    MailUnclearError,
)


def test_a_message_arrives_as_it_was_with_sender_and_recipient() -> None:
    with serving() as server:
        hand_over(url_of(server))
    (taken,) = server.taken
    assert (taken.mail_from, taken.rcpt_tos) == (SENDER, [BUYER])
    assert taken.original_content == MESSAGE
    assert server.asked == ["MAIL", "RCPT", "DATA", "MESSAGE", "QUIT"]


@pytest.mark.parametrize("sender", ["Tickets", "kärten@x.example"])
def test_a_sender_that_is_no_address_is_ours_to_mend(sender: str, tmp_path: Path) -> None:
    with serving() as server:
        for url in (url_of(server), tmp_path.as_uri()):
            with (
                mail.transport(url).open(PATIENCE_S) as handover,
                pytest.raises(MailUnavailableError, match="our sender: this is not an address"),
            ):
                handover.offer(sender, BUYER)


def test_a_message_without_a_last_line_end_gets_one() -> None:
    with serving() as server:
        hand_over(url_of(server), message=MESSAGE.removesuffix(b"\r\n"))
    assert server.taken[0].original_content == MESSAGE


def test_a_large_message_arrives_whole() -> None:
    large = MESSAGE + (b"x" * 74 + b"\r\n") * 100_000
    with serving() as server:
        hand_over(url_of(server), message=large)
    assert server.taken[0].original_content == large


def test_the_recipient_is_told_before_the_message_begins() -> None:
    with serving() as server, mail.transport(url_of(server)).open(PATIENCE_S) as handover:
        handover.offer(SENDER, BUYER)
        assert server.asked == ["MAIL", "RCPT"]
        handover.deliver(MESSAGE)
        assert server.asked == ["MAIL", "RCPT", "DATA", "MESSAGE"]


def test_an_international_domain_is_encoded_for_the_server() -> None:
    with serving() as server, mail.transport(url_of(server)).open(PATIENCE_S) as handover:
        handover.offer(SENDER, "zoe@exämple.de")
        handover.deliver(MESSAGE)
    assert server.taken[0].rcpt_tos == ["zoe@xn--exmple-cua.de"]


@pytest.mark.parametrize(
    "address", ["zoë@example.de", "a@b@c.de", "a b@c.de", "a@c.de\r\nDATA", ""]
)
def test_what_is_no_address_is_refused_before_the_server_hears_of_it(address: str) -> None:
    with serving() as server, mail.transport(url_of(server)).open(PATIENCE_S) as handover:
        with pytest.raises(MailRefusedError, match="not an address"):
            handover.offer(SENDER, address)
        assert server.asked == ["MAIL"]


@pytest.mark.parametrize(
    ("stage", "answer", "error", "text"),
    [
        ("MAIL", "553 5.7.1 no <tickets@pay.example>", MailUnavailableError, "553 5.7.1"),
        ("MAIL", "451 4.3.0 later", MailUnavailableError, "451 4.3.0"),
        ("MAIL", "530 5.7.0 sign in first", MailUnavailableError, "530 5.7.0"),
        ("RCPT", "550 5.1.1 <zoe.private@buyer.example> unknown", MailRefusedError, "550 5.1.1"),
        ("RCPT", "530 5.7.0 sign in first", MailUnavailableError, "530 5.7.0"),
        ("RCPT", "450 4.2.0 greylisted", MailPostponedError, "450 4.2.0"),
        ("RCPT", "450 greylisted", MailPostponedError, "450"),
        ("RCPT", "451 4.7.1 greylisted", MailPostponedError, "451 4.7.1"),
        ("RCPT", "452 4.2.2 mailbox full", MailPostponedError, "452 4.2.2"),
        ("RCPT", "451 temporary local problem", MailUnclearError, "451"),
        ("RCPT", "451 4.3.0 lookup failed", MailUnclearError, "451 4.3.0"),
        ("RCPT", "454 4.7.0 throttled", MailUnclearError, "454 4.7.0"),
        ("RCPT", "421 closing", MailUnclearError, "421"),
        ("DATA", "554 5.5.1 no valid recipients", MailRefusedError, "554 5.5.1"),
        ("DATA", "451 try again", MailUnclearError, "451"),
        ("MESSAGE", "554 5.7.1 spam for zoe.private@buyer.example", MailRefusedError, "554 5.7.1"),
        ("MESSAGE", "552 5.3.4 too large", MailRefusedError, "552 5.3.4"),
        ("MESSAGE", "550 5.4.5 limit of today", MailUnavailableError, "550 5.4.5"),
        ("MESSAGE", "451 4.3.0 disk full", MailUnclearError, "451 4.3.0"),
        ("MESSAGE", "421 4.3.2 shutting down", MailUnclearError, "421 4.3.2"),
        ("MESSAGE", "999 what", MailDoubtfulError, "no sense"),
        ("MESSAGE", "thank you", MailDoubtfulError, "no sense"),
        ("MESSAGE", "250-" + "x" * 9000, MailDoubtfulError, "said nothing"),
    ],
)
def test_what_a_server_answers_decides_the_error(
    stage: str, answer: str, error: type[Exception], text: str
) -> None:
    with serving({stage: answer}) as server, pytest.raises(error, match=text) as raised:
        hand_over(url_of(server))
    assert type(raised.value) is error
    assert "@" not in str(raised.value)


@pytest.mark.parametrize(
    ("stage", "fault", "error"),
    [
        ("MAIL", Fault.DROP, MailUnavailableError),
        ("MAIL", Fault.SILENCE, MailUnavailableError),
        ("RCPT", Fault.DROP, MailUnclearError),
        ("RCPT", Fault.SILENCE, MailUnclearError),
        ("DATA", Fault.DROP, MailUnclearError),
        ("DATA", Fault.SILENCE, MailUnclearError),
        ("MESSAGE", Fault.DROP, MailDoubtfulError),
        ("MESSAGE", Fault.SILENCE, MailDoubtfulError),
    ],
)
def test_only_after_the_whole_message_no_answer_is_doubt(
    stage: str, fault: Fault, error: type[Exception]
) -> None:
    timeout_s = PATIENCE_S if fault is Fault.DROP else SHORT_S
    started = time.monotonic()
    with serving({stage: fault}) as server, pytest.raises(error) as raised:
        hand_over(url_of(server), timeout_s=timeout_s)
    assert type(raised.value) is error
    assert time.monotonic() - started < PATIENCE_S
    assert server.asked[-1] == stage


@pytest.mark.parametrize("fault", list(Fault))
def test_a_message_that_broke_off_amid_was_not_delivered(fault: Fault) -> None:
    # Larger than what the sockets hold between them, so that the end cannot have been sent.
    endless = b"x" * 78 + b"\r\n"
    with serving({"CONTENT": fault}) as server, pytest.raises(MailUnclearError, match="amid"):
        hand_over(url_of(server), timeout_s=2, message=endless * 400_000)
    assert server.taken == []


def test_a_server_that_is_silent_at_the_goodbye_holds_nobody_up() -> None:
    with serving({"QUIT": Fault.SILENCE}) as server:
        started = time.monotonic()
        hand_over(url_of(server), timeout_s=60)
        assert time.monotonic() - started < 10
    assert len(server.taken) == 1


def test_nobody_listening_is_undelivered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MailUnavailableError, match="no connection"):
        hand_over(f"smtp://127.0.0.1:{port}")


def test_a_host_that_does_not_exist_is_undelivered_and_not_named() -> None:
    with pytest.raises(MailUnavailableError, match="no connection") as raised:
        hand_over("smtp://nobody.invalid")
    assert "invalid" not in str(raised.value)


@pytest.mark.parametrize("host", ["x" * 64 + ".example", ".example"])
def test_a_host_that_cannot_exist_is_undelivered(host: str) -> None:
    with pytest.raises(MailUnavailableError, match="no connection"):
        hand_over(f"smtp://{host}")


def test_a_server_that_never_greets_is_given_up_in_time() -> None:
    with answering_nobody() as port:
        started = time.monotonic()
        with pytest.raises(MailUnavailableError, match="no connection"):
            hand_over(f"smtp://127.0.0.1:{port}", timeout_s=SHORT_S)
        assert SHORT_S <= time.monotonic() - started < SHORT_S + 2


def test_a_server_that_drips_is_given_up_in_time() -> None:
    with dripping(every_s=0.05) as port:
        started = time.monotonic()
        with pytest.raises(MailUnavailableError, match="no connection"):
            hand_over(f"smtp://127.0.0.1:{port}", timeout_s=SHORT_S)
        assert SHORT_S <= time.monotonic() - started < SHORT_S + 2


def test_after_the_deadline_nothing_is_begun() -> None:
    timeout_s = 1.0
    started = time.monotonic()
    with serving() as server, mail.transport(url_of(server)).open(timeout_s) as handover:
        handover.offer(SENDER, BUYER)
        # As if the rules had waited for their row meanwhile.
        while time.monotonic() < started + timeout_s + 0.1:
            time.sleep(0.02)
        with pytest.raises(MailUnclearError):
            handover.deliver(MESSAGE)
    assert server.asked == ["MAIL", "RCPT"]


def test_a_block_that_ends_early_hands_nothing_over() -> None:
    with serving() as server, mail.transport(url_of(server)).open(PATIENCE_S) as handover:
        handover.offer(SENDER, BUYER)
    assert server.asked == ["MAIL", "RCPT", "QUIT"]
    assert server.taken == []


def test_we_introduce_ourselves_without_asking_the_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("asked the DNS for our name"))
    with serving() as server:
        hand_over(url_of(server))
    name = server.sessions[0].host_name or ""
    assert name == "[127.0.0.1]" or "." in name


def test_a_folder_and_a_server_are_told_apart(tmp_path: Path) -> None:
    hand_over(tmp_path.as_uri())
    assert len(list(tmp_path.glob("*.eml"))) == 1
