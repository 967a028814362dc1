import email.header
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError

from tests.unit import orders
from webapp import mail
from webapp.core import clock
from webapp.documents import qr
from webapp.documents.ticket_email import TicketEmail
from webapp.mail import Attachment, InlineImage, Mailbox, MailRefusedError, MailUnavailableError
from webapp.mail.headers import one_line

SENDER = Mailbox("Tillgate", "tickets@pay.example")
BUYER = Mailbox("Zoë Müller-Łukasiewicz", "zoe@exämple.de")
MESSAGE_ID = "<msg-23456789abcdefghjkmnpqrstw@pay.example>"
PDF = b"%PDF-1.7\nnot really\n\x00\xff"


def facts(tickets: int = 2, **changes: Any) -> TicketEmail:
    return TicketEmail(
        order=orders.order(tickets, **changes),
        paid_at=datetime(2026, 11, 1, 9, 5, tzinfo=UTC),
        timezone="Europe/Berlin",
        page_url="https://pay.example/pay/K7M2QD4X/success?t=abc&u=1",
        is_pdf_attached=True,
    )


def composed(tickets: int = 2, **changes: Any) -> bytes:
    """The bytes of a tickets' email as the rules would have it composed."""
    context = facts(tickets, **changes)
    return mail.compose(
        name="tickets",
        context=context,
        sender=SENDER,
        to=BUYER,
        message_id=MESSAGE_ID,
        reply_to=Mailbox("", "help@kultur.example"),
        attachments=[Attachment("tickets.pdf", "application/pdf", PDF)],
        inline=[
            InlineImage(
                f"{ticket.serial}.png", "image/png", qr.png(ticket.code), context.content_id(ticket)
            )
            for ticket in context.order.tickets
        ],
    ).as_bytes()


def addressed(**changes: Any) -> EmailMessage:
    """A message without files, read back from its bytes."""
    arguments: dict[str, Any] = {
        "name": "tickets",
        "context": facts(0),
        "sender": SENDER,
        "to": BUYER,
        "message_id": MESSAGE_ID,
    }
    return read(mail.compose(**(arguments | changes)).as_bytes())


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def shape(part: MIMEPart) -> Any:
    if not part.is_multipart():
        return part.get_content_type()
    return [part.get_content_type(), *(shape(inner) for inner in part.iter_parts())]


def header(content: bytes, name: str) -> str:
    """The words of a header, decoded by the old standard reader, as other programs would."""
    raw = message_from_bytes(content)[name]
    return str(email.header.make_header(email.header.decode_header(raw)))


def test_the_parts_are_nested_as_mail_programs_expect() -> None:
    assert shape(read(composed(2))) == [
        "multipart/mixed",
        [
            "multipart/alternative",
            "text/plain",
            ["multipart/related", "text/html", "image/png", "image/png"],
        ],
        "application/pdf",
    ]


def test_a_message_without_files_has_just_its_two_texts() -> None:
    assert shape(addressed()) == ["multipart/alternative", "text/plain", "text/html"]


def test_the_head_says_from_whom_to_whom_and_that_a_machine_wrote_it() -> None:
    content = composed(2)
    message = read(content)
    assert header(content, "From") == "Tillgate <tickets@pay.example>"
    assert header(content, "To") == "Zoë Müller-Łukasiewicz <zoe@xn--exmple-cua.de>"
    assert header(content, "Reply-To") == "help@kultur.example"
    assert header(content, "Subject") == "Your 2 tickets for Winter concert"
    assert message["Message-ID"] == MESSAGE_ID
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert [name for name in message if message.get_all(name) != [message[name]]] == []


def test_the_date_is_the_time_that_people_see() -> None:
    with clock.shifted(timedelta(days=-30)):
        then = clock.now()
        dated = parsedate_to_datetime(addressed()["Date"])
    assert abs(dated - then) < timedelta(minutes=1)
    assert dated.tzinfo is not None


def test_a_long_message_id_stays_in_one_piece() -> None:
    long = "<msg-23456789abcdefghjkmnpqrstw@" + "a-rather-long-name." * 8 + "example>"
    content = mail.compose(
        name="tickets", context=facts(0), sender=SENDER, to=BUYER, message_id=long
    ).as_bytes()
    assert message_from_bytes(content)["Message-ID"].split() == [long]


def test_the_wire_sees_only_short_lines_of_seven_bits() -> None:
    wide = composed(3, title="Überall 🎻 " * 200, instructions="w" * 5000)
    assert wide.isascii()
    lines = wide.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def test_each_inline_code_is_the_picture_that_the_html_asks_for() -> None:
    message = read(composed(3))
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    asked = re.findall(r'src="cid:([^"]+)"', html.get_content())
    images = {
        str(part["Content-ID"]): part
        for part in message.walk()
        if part.get_content_type() == "image/png"
    }
    assert list(images) == [f"<{content_id}>" for content_id in asked]
    for ticket, image in zip(orders.order(3).tickets, images.values(), strict=True):
        assert image.get_content_disposition() == "inline"
        assert image.get_filename() == f"{ticket.serial}.png"
        assert image.get_payload(decode=True) == qr.png(ticket.code)


def test_the_attachment_comes_unchanged_under_its_name() -> None:
    (attached,) = read(composed(2)).iter_attachments()
    assert attached.get_filename() == "tickets.pdf"
    assert attached.get_content_disposition() == "attachment"
    assert attached.get_content() == PDF


@pytest.mark.parametrize(
    "filename", ['a"b.pdf', "a\r\nBcc: x@y.pdf", "Überfall 🎻.pdf", "=?x?.pdf"]
)
def test_a_files_name_cannot_add_a_header(filename: str) -> None:
    message = addressed(attachments=[Attachment(filename, "application/pdf", PDF)])
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == one_line(filename)
    assert "Bcc" not in {name for part in message.walk() for name in part}


HOSTILE = [
    "Concert\r\nBcc: evil@x.example",
    "Concert\nBcc: evil@x.example\n\nbody",
    "=?utf-8?q?Concert=0D=0ABcc=3A_evil=40x.example?=",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    'Evil" <evil@x.example>, "Zoë',
    "evil@x.example, ",
    "(comment) Zoë: ;",
    "back\\slash \\",
    "Überall " * 25,
    "W" * 200,
    "🎻" * 200,
    "",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_in_the_subject_and_in_names_add_no_header_and_no_recipient(words: str) -> None:
    message = mail.compose(
        name="tickets",
        context=facts(2, event_name=words, merchant_name=words),
        sender=Mailbox(words, "tickets@pay.example"),
        to=Mailbox(words, "zoe@exämple.de"),
        message_id=MESSAGE_ID,
        reply_to=Mailbox(words, "help@kultur.example"),
    )
    content = message.as_bytes()
    assert_only_ours(content, words)
    assert header(content, "Subject") == one_line(
        f"Your 2 tickets for {words or '2 seats, first row'}"
    )


@given(st.text(max_size=200))
@example("=?utf-8?q?a=0ABcc=3A_evil?=")
@example("Θεατρική παράσταση, όλη την οικογένεια " * 4)
def test_whatever_the_words_are_they_add_no_header_and_no_recipient(words: str) -> None:
    message = mail.compose(
        name="tickets",
        context=facts(0, merchant_name=words),
        sender=Mailbox(words, "tickets@pay.example"),
        to=Mailbox(words, "zoe@exämple.de"),
        message_id=MESSAGE_ID,
        reply_to=Mailbox(words, "help@kultur.example"),
    )
    content = message.as_bytes()
    assert_only_ours(content, words)
    assert header(content, "Subject") == one_line(f"Your payment to {words}")


def assert_only_ours(content: bytes, words: str) -> None:
    head = message_from_bytes(content)
    assert head.keys() == [
        "From",
        "To",
        "Reply-To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Language",
    ]
    for name, address in (
        ("From", "tickets@pay.example"),
        ("To", "zoe@xn--exmple-cua.de"),
        ("Reply-To", "help@kultur.example"),
    ):
        # The raw form is what a server or a filter splits into addresses.
        ((raw_name, raw_address),) = getaddresses([head[name]])
        assert raw_address == address
        spoken = str(email.header.make_header(email.header.decode_header(raw_name)))
        assert spoken == one_line(words)


@pytest.mark.parametrize(
    ("role", "error"), [("sender", MailUnavailableError), ("to", MailRefusedError)]
)
def test_an_address_that_can_have_no_mail_is_refused_and_a_senders_is_ours_to_mend(
    role: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="not an address") as refusal:
        addressed(**{role: Mailbox("Zoë", "zoe@x.example\r\nBcc: evil@x.example")})
    assert "zoe" not in str(refusal.value)


@pytest.mark.parametrize("address", ["zoe@x.example\r\nBcc: evil@x.example", "jörg@example.org"])
def test_an_address_for_answers_that_can_have_no_mail_costs_only_itself(address: str) -> None:
    message = addressed(reply_to=Mailbox("Zoë", address))
    assert message["Reply-To"] is None
    assert message["Bcc"] is None
    assert message["To"] is not None


def test_what_is_no_message_id_is_refused() -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        addressed(message_id="msg-1")


def test_a_template_that_misses_a_fact_is_an_error() -> None:
    known = vars(facts(0))
    known.pop("page_url")
    with pytest.raises(UndefinedError, match="page_url"):
        addressed(context=known)


def test_an_unknown_message_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        addressed(name="postcards")
