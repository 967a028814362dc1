import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp import mail
from webapp.mail import Mailbox, MailRefusedError
from webapp.mail.headers import checked_message_id, one_line, wire_address


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Winter  concert\n", "Winter concert"),
        ("a\r\nBcc: evil@x.example", "a Bcc: evil@x.example"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("=?utf-8?q?a=0D=0ABcc=3A_evil=40x?=", "= ?utf-8?q?a=0D=0ABcc=3A_evil=40x?="),
        ("=\x00?utf-8?q?a?=", "= ?utf-8?q?a?="),
        ("half \ud800 a letter", "half a letter"),
        ("🎻 Überfall", "🎻 Überfall"),
    ],
)
def test_a_header_carries_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_whatever_it_was_it_becomes_one_harmless_line(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert "=?" not in line
    line.encode()


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
    assert mail.address_of(text) == address


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
    with pytest.raises(MailRefusedError) as refusal:
        wire_address(address)
    assert str(refusal.value) == "this is not an address that mail can be sent to"


@given(st.text())
def test_whatever_is_called_an_address_is_one_or_refused(text: str) -> None:
    try:
        wire = wire_address(text)
    except MailRefusedError:
        return
    assert wire.isascii()
    assert wire.count("@") == 1
    assert not any(c.isspace() or c in '<>,;:\\"()[]' for c in wire)


@pytest.mark.parametrize("message_id", ["<msg-abc@pay.example>", "<a.b@localhost>"])
def test_a_message_id_is_kept(message_id: str) -> None:
    assert checked_message_id(message_id) == message_id


@pytest.mark.parametrize(
    "message_id",
    ["", "msg-abc@pay.example", "<msg-abc>", "<a b@c>", "<a@b>\r\nBcc: c@d", "<a@b", "<ä@b>"],
)
def test_what_is_no_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        checked_message_id(message_id)
