import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core import references

MANY = 2000


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (references.link_code, r"[2-9A-HJKMNP-TW-Z]{8}"),
        (references.order_reference, r"ORD-[2-9A-HJKMNP-TW-Z]{10}"),
        (references.attempt_reference, r"att-[2-9a-hjkmnp-tw-z]{26}"),
        (
            lambda: references.session_reference(references.token()),
            r"ses-[2-9a-hjkmnp-tw-z]{20}",
        ),
        (references.event_reference, r"EVT-[2-9A-HJKMNP-TW-Z]{8}"),
        (references.message_reference, r"msg-[2-9a-hjkmnp-tw-z]{26}"),
        (references.token, r"[A-Za-z0-9_-]{43}"),
    ],
)
def test_each_name_has_its_shape_and_comes_only_once(make: Callable[[], str], shape: str) -> None:
    made = [make() for _ in range(MANY)]
    assert [name for name in made if not re.fullmatch(shape, name)] == []
    assert len(set(made)) == MANY


def test_a_token_has_one_session_number_and_nothing_of_it_is_seen_there() -> None:
    token = references.token()
    number = references.session_reference(token)
    assert number == references.session_reference(token)
    assert number != references.session_reference(f"{token}.")
    assert token[:8].lower() not in number


def test_no_two_letters_of_the_alphabet_look_alike() -> None:
    for alike in ("0O", "1IL", "UV"):
        assert len(set(alike) & set(references.ALPHABET)) == 0
    assert len(set(references.ALPHABET)) == len(references.ALPHABET) == 29


def test_every_letter_of_the_alphabet_is_used() -> None:
    seen = {letter for _ in range(MANY) for letter in references.link_code()}
    assert seen == set(references.ALPHABET)


@pytest.mark.parametrize(
    "fits",
    [
        r".{1,64}",  # SumUp's checkout reference
        r"[A-Za-z0-9.=-]+",  # Paystack's transaction reference: no underscore
        r".{1,255}",  # Stripe's idempotency key
        r"[A-Za-z0-9_-]+",  # RQ's job id
    ],
)
def test_an_attempts_reference_fits_every_provider(fits: str) -> None:
    assert all(re.fullmatch(fits, references.attempt_reference()) for _ in range(MANY))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("K7M2QD4X", "K7M2QD4X"),
        ("k7m2qd4x", "K7M2QD4X"),
        ("  K7M2QD4X\n", "K7M2QD4X"),
        ("K7M2QD4", None),
        ("K7M2QD4XX", None),
        ("K7M2QD40", None),
        ("K7M2-QD4X", None),
        ("../../etc", None),
        ("", None),
    ],
)
def test_a_typed_code_is_understood_or_refused(typed: str, meant: str | None) -> None:
    assert references.clean_link_code(typed) == meant


@given(st.text())
def test_whatever_is_typed_a_code_is_either_clean_or_none(typed: str) -> None:
    code = references.clean_link_code(typed)
    assert code is None or references.clean_link_code(code) == code
