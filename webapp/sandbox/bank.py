"""The bank as a whole: what every page and every request of the API works with."""

from dataclasses import dataclass
from typing import cast

import flask

from webapp.sandbox.clockwork import Clockwork
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.store import Store
from webapp.sandbox.values import Checkout


@dataclass(frozen=True)
class Bank:
    """One bank: its settings, its books, and what it does by itself."""

    settings: BankSettings
    store: Store
    clockwork: Clockwork

    def page_of(self, checkout: Checkout) -> str:
        """Return the address where a buyer pays this checkout."""
        return f"{self.settings.sandbox_url}/checkout/{checkout.id}"


def the_bank() -> Bank:
    """Return the bank that the present request came to."""
    return cast("Bank", flask.g.bank)
