import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core import text
from webapp.core.errors import InvalidInputError


def test_a_line_is_kept_without_the_space_around_it() -> None:
    assert text.one_line("title", "  Winter concert 🎻 \n", 40) == "Winter concert 🎻"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        (" \t\n", "empty"),
        ("a" * 41, "at most 40"),
        ("a" * 10_000, "at most 40"),
        ("two\nlines", "one line"),
        ("two\u2028lines", "one line"),
        ("a\x00b", "one line"),
        ("a\x1bb", "one line"),
    ],
)
def test_what_is_no_line_is_refused_with_the_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as refusal:
        text.one_line("title", typed, 40)
    assert refusal.value.field == "title"


@given(st.text())
def test_whatever_is_typed_a_line_is_one_line_or_refused(typed: str) -> None:
    try:
        line = text.one_line("title", typed, 40)
    except InvalidInputError:
        return
    assert 0 < len(line) <= 40
    assert line.splitlines() == [line]
    assert text.one_line("title", line, 40) == line


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("buyer@example.org", "buyer@example.org"),
        ("  Buyer@EXAMPLE.org ", "Buyer@example.org"),
        ("zoe@exämple.de", "zoe@exämple.de"),
    ],
)
def test_an_address_is_brought_into_its_normal_form(typed: str, address: str) -> None:
    assert text.email_address("email", typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "buyer", "buyer@", "@example.org", "a b@example.org", "a@b@c.org", "a@ex\r\nBcc:b.org"],
)
def test_what_is_no_address_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        text.email_address("email", typed)
    assert str(refusal.value) == "email: must be an address such as name@example.org"


@pytest.mark.parametrize(
    "typed", ["jörg@example.org", " zoë@exämple.de", "\ud800@x.org", "\uff21@x.org"]
)
def test_an_address_that_mail_servers_do_not_take_is_refused_with_the_reason(typed: str) -> None:
    with pytest.raises(InvalidInputError, match="plain letters before the @") as refusal:
        text.email_address("email", typed)
    assert typed.strip() not in str(refusal.value)


def test_a_masked_address_shows_one_letter_and_the_domain() -> None:
    assert text.masked("buyer@example.org") == "b***@example.org"
    assert text.masked("b@example.org") == "b***@example.org"
