from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core.errors import InvalidInputError
from webapp.core.money import EXPONENTS, Money, exponent

CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("25", "EUR", 2500),
        ("25.0", "EUR", 2500),
        ("25.00", "EUR", 2500),
        ("0.5", "EUR", 50),
        ("0.01", "EUR", 1),
        (" 25.10 ", "eur ", 2510),
        ("007", "EUR", 700),
        ("25.000000", "EUR", 2500),
        ("99999999.99", "EUR", 9_999_999_999),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("99999999", "JPY", 99_999_999),
    ],
)
def test_an_amount_is_read_as_people_write_it(typed: str, currency: str, minor: int) -> None:
    assert Money.parse(typed, currency) == Money(minor, currency.strip().upper())


@pytest.mark.parametrize(
    ("typed", "currency", "reason"),
    [
        ("0", "EUR", "above zero"),
        ("0.00", "EUR", "above zero"),
        ("-1", "EUR", "above zero"),
        ("1.999", "EUR", "at most 2 decimals"),
        ("1.5", "JPY", "at most 0 decimals"),
        ("100000000.00", "EUR", r"at most 99999999\.99"),
        ("100000000", "JPY", "at most 99999999"),
        ("1e3", "EUR", "a number such as"),
        ("1,50", "EUR", "a number such as"),
        ("1 000", "EUR", "a number such as"),
        ("+5", "EUR", "a number such as"),
        (".5", "EUR", "a number such as"),
        ("5.", "EUR", "a number such as"),
        ("0x10", "EUR", "a number such as"),
        ("NaN", "EUR", "a number such as"),
        ("Infinity", "EUR", "a number such as"),
        ("", "EUR", "a number such as"),
        ("9" * 10_000, "EUR", "a number such as"),
        ("1.0000000", "EUR", "a number such as"),
    ],
)
def test_what_is_not_an_amount_is_refused_with_the_reason(
    typed: str, currency: str, reason: str
) -> None:
    with pytest.raises(InvalidInputError, match=reason) as refusal:
        Money.parse(typed, currency)
    assert refusal.value.field == "amount"


@pytest.mark.parametrize("currency", ["XXX", "", "EU", "HUF", "KWD", "€", "E" * 1000])
def test_an_unknown_currency_is_refused_and_not_echoed_at_length(currency: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        Money.parse("25", currency)
    assert refusal.value.field == "currency"
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("minor", [25.0, True, False, "25", None, Decimal(25)])
def test_only_a_whole_number_of_minor_units_is_money(minor: object) -> None:
    with pytest.raises(InvalidInputError, match="whole number"):
        Money(minor, "EUR")  # type: ignore[arg-type]  # that is the point


def test_an_amount_is_never_negative() -> None:
    with pytest.raises(InvalidInputError, match="negative"):
        Money(-1, "EUR")


def test_nothing_is_money_but_no_amount_for_a_link() -> None:
    nothing = Money(0, "EUR")
    with pytest.raises(InvalidInputError, match="above zero"):
        nothing.checked_for_a_link()


def test_money_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Money(1, "EUR").minor = 2  # type: ignore[misc]  # that is the point


def test_amounts_of_two_currencies_are_never_equal() -> None:
    assert Money(100, "EUR") != Money(100, "USD")


@pytest.mark.parametrize(
    ("money", "major", "spoken"),
    [
        (Money(123_450, "EUR"), "1234.50", "€1,234.50"),
        (Money(5, "USD"), "0.05", "$0.05"),
        (Money(0, "GBP"), "0.00", "£0.00"),
        (Money(1500, "JPY"), "1500", "¥1,500"),
        (Money(123_450, "CHF"), "1234.50", "CHF 1,234.50"),
        (Money(1500, "XOF"), "1500", "XOF 1,500"),
        (Money(9_999_999_999, "NGN"), "99999999.99", "₦99,999,999.99"),
    ],
)
def test_an_amount_is_written_for_programs_and_for_people(
    money: Money, major: str, spoken: str
) -> None:
    assert (money.major, str(money)) == (major, spoken)


@given(st.data(), CURRENCIES)
def test_what_is_written_in_major_units_reads_back(data: st.DataObject, currency: str) -> None:
    largest = 9_999_999_999 // 10 ** (2 - exponent(currency))
    money = Money(data.draw(st.integers(1, largest)), currency)
    assert Money.parse(money.major, currency) == money


@given(st.text(max_size=20), CURRENCIES)
def test_any_text_is_either_an_amount_within_bounds_or_refused(text: str, currency: str) -> None:
    try:
        money = Money.parse(text, currency)
    except InvalidInputError:
        return
    assert 0 < Decimal(money.major) <= Decimal("99999999.99")
    assert Decimal(money.major) == Decimal(text.strip())
