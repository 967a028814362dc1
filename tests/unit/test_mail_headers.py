import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.mail.headers import checked_message_id, one_line


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
