"""Money is an integer of minor units and a currency. A float never comes near it."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from webapp.core.errors import InvalidInputError

# ISO 4217 exponents of the currencies that our adapters accept; nothing else is money here.
# HUF, ISK, TWD, UGX and the three-decimal currencies are left out: providers disagree about them.
EXPONENTS: Final = {
    "AUD": 2, "BGN": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "COP": 2, "CZK": 2, "DKK": 2,
    "EUR": 2, "GBP": 2, "GHS": 2, "HRK": 2, "JPY": 0, "KES": 2, "NGN": 2, "NOK": 2, "NZD": 2,
    "PLN": 2, "RON": 2, "SEK": 2, "USD": 2, "XOF": 0, "ZAR": 2,
}  # fmt: skip

SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "NGN": "₦"}

# The largest amount a link may carry is 99,999,999.99, whatever the currency.
_MAX_CENTS: Final = 9_999_999_999

_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def exponent(currency: str) -> int:
    """Return how many decimals the currency has.

    Raises:
        InvalidInputError: the currency is not one of ours.
    """
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise InvalidInputError(
            "currency", f"{currency[:12]!r} is not a currency we accept; {', '.join(EXPONENTS)} are"
        ) from None


@dataclass(frozen=True, order=False)
class Money:
    """An amount in minor units (cents) of one currency; zero and more."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not money, such as a float, a bool or a negative amount."""
        if type(self.minor) is not int:
            raise InvalidInputError("amount", "must be a whole number of minor units")
        if self.minor < 0:
            raise InvalidInputError("amount", "must not be negative")
        exponent(self.currency)

    @classmethod
    def parse(cls, amount: str, currency: str) -> "Money":
        """Read an amount as people write it, in major units: `25`, `25.00`, `0.5`.

        Raises:
            InvalidInputError: it is no number, not above zero, finer than the currency allows, or
                above 99,999,999.99.
        """
        currency = currency.strip().upper()
        decimals = exponent(currency)
        text = amount.strip()
        if text.startswith("-"):
            raise InvalidInputError("amount", "must be above zero")
        if not _PLAIN.fullmatch(text):
            raise InvalidInputError("amount", "must be a number such as 25 or 25.00")
        try:
            scaled = Decimal(text).scaleb(decimals)
        except InvalidOperation as error:
            raise InvalidInputError("amount", "must be a number such as 25 or 25.00") from error
        if scaled != scaled.to_integral_value():
            raise InvalidInputError("amount", f"{currency} has at most {decimals} decimals")
        return cls(int(scaled), currency).checked_for_a_link()

    def checked_for_a_link(self) -> "Money":
        """Return itself, if a payment link may ask for it.

        Raises:
            InvalidInputError: zero, or above the largest amount.
        """
        if self.minor == 0:
            raise InvalidInputError("amount", "must be above zero")
        largest = Money(_MAX_CENTS // 10 ** (2 - exponent(self.currency)), self.currency)
        if self.minor > largest.minor:
            raise InvalidInputError("amount", f"must be at most {largest.major}")
        return self

    @property
    def major(self) -> str:
        """The amount in major units with a point and no separators: `1234.50`."""
        decimals = exponent(self.currency)
        return f"{Decimal(self.minor).scaleb(-decimals):.{decimals}f}"

    def __str__(self) -> str:
        """The amount for people: `€1,234.50`, or `CHF 1,234.50` where the sign is not at home."""
        decimals = exponent(self.currency)
        number = f"{Decimal(self.minor).scaleb(-decimals):,.{decimals}f}"
        symbol = SYMBOLS.get(self.currency)
        return f"{symbol}{number}" if symbol else f"{self.currency} {number}"
