import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core.addresses import Mailbox, UnmailableError, wire_address
from webapp.core.errors import InvalidInputError
from webapp.core.text import email_address


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("tickets@pay.example", "", "tickets@pay.example"),
        (" tickets@pay.example ", "", "tickets@pay.example"),
        ("Tillgate <tickets@pay.example>", "Tillgate", "tickets@pay.example"),
        ('"Tickets, please" <tickets@pay.example>', "Tickets, please", "tickets@pay.example"),
        ("<tickets@pay.example>", "", "tickets@pay.example"),
        ("Überall <t@exämple.de>", "Überall", "t@exämple.de"),
    ],
)
def test_a_mailbox_is_read(text: str, name: str, address: str) -> None:
    assert Mailbox.parse(text) == Mailbox(name, address)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("buyer@example.org", "buyer@example.org"),
        ("o'neil+tickets@mail.example.org", "o'neil+tickets@mail.example.org"),
        ("demo@localhost", "demo@localhost"),
        ("buyer@shop.test", "buyer@shop.test"),
        ("zoe@exämple.de", "zoe@xn--exmple-cua.de"),
        ("zoe@straße.example.de", "zoe@xn--strae-oqa.example.de"),
        ("zoe@例え.jp", "zoe@xn--r8jz45g.jp"),
        ("karten@bühne.example", "karten@xn--bhne-0ra.example"),
    ],
)
def test_an_address_is_spoken_in_ascii(address: str, wire: str) -> None:
    assert wire_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@example.org",
        "nobody@",
        "zoë@example.org",
        "a@b@example.org",
        "a b@example.org",
        "a..b@example.org",
        ".a@example.org",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "a@-example.org",
        "a@example..org",
        "a@example.org.",
        "a@example.org\n",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org>, <b@example.org",
        "a@" + "ä" * 64 + ".de",
        "a@" + "x" * 64 + ".org",
        "a" * 250 + "@example.org",
        "a\ud800@example.org",
    ],
)
def test_what_can_have_no_mail_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UnmailableError) as refusal:
        wire_address(address)
    assert str(refusal.value) == "this is not an address that mail can be sent to"


@given(st.text())
def test_whatever_is_called_an_address_is_one_or_refused(text: str) -> None:
    try:
        wire = wire_address(text)
    except UnmailableError:
        return
    assert wire.isascii()
    assert wire.count("@") == 1
    assert not any(c.isspace() or c in '<>,;:\\"()[]' for c in wire)


@given(st.text() | st.emails())
def test_whatever_a_form_takes_for_an_address_mail_can_be_sent_to(typed: str) -> None:
    try:
        address = email_address("email", typed)
    except InvalidInputError:
        return
    wire_address(address)
