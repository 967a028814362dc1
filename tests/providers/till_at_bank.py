"""The till at the sandbox bank: a process of its own, with buttons and faults on order."""

# ruff: noqa: ARG002  # the bank asks for less than the fakes do

from typing import Any, ClassVar, Final

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.factories import Factories, everything
from tests.providers.tills import NotThereError, Till
from tests.sandbox.merchant import TIMEOUT_S
from tests.sandbox.process import BankProcess, eventually
from webapp.core.money import Money
from webapp.domain.desk import merchants
from webapp.domain.payments import accounts
from webapp.models import PaymentAttempt, ProviderAccount, ProviderNotice
from webapp.providers import http
from webapp.providers.base import HttpRequest

_FAULTS: Final = {
    ("create", "cut"): "create_never",
    ("create", "lost"): "create_lost",
    ("create", "refused"): "create_refused",
    ("read", "unavailable"): "read_unavailable",
    ("read", "malformed"): "read_malformed",
    ("read", "slow"): "read_slow",
    ("refund", "cut"): "refund_never",
    ("refund", "lost"): "refund_lost",
    ("refund", "refused"): "refund_refused",
}
# What the buyer presses where the bank tells us nothing, or not yet.
_WITHOUT_NOTICE: Final = frozenset({"lose", "late"})


class SandboxTill(Till):
    """Says with a button what the fakes do by a lever."""

    provider = "sandbox"
    money: ClassVar = Money(2500, "EUR")

    def __init__(self, bank: BankProcess, make: Factories, configure: Configure, site: str) -> None:
        self._bank = bank
        self._button = "pay"
        self._to_hear = 0
        super().__init__(make, configure, site)
        self._at_bank = AtBank(make)

    def settings(self) -> dict[str, Any]:
        return {"sandbox_url": self._bank.url}

    def connect(self) -> ProviderAccount:
        merchants.connect_sandbox(self.make.shop)
        return accounts.active(self.make.shop)

    def pay(self, attempt: PaymentAttempt) -> None:
        self._press(attempt, self._button)
        self._button = "pay"

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        self._press(attempt, "wrong")

    def decline(self, attempt: PaymentAttempt) -> None:
        self._press(attempt, "decline")

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        self._at_bank.script("close_refused", times=20)

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        self.pay(attempt)

    def pay_and_lag(self, attempt: PaymentAttempt) -> None:
        self.pay(attempt)
        self._at_bank.script("read_processing")

    def mean_to_pay_late(self, attempt: PaymentAttempt) -> None:
        self._press(attempt, "late")

    def pay_late(self, attempt: PaymentAttempt) -> None:
        reference = attempt.reference
        eventually(lambda: reference in {row["reference"] for row in self._at_bank.ledger()})
        self._to_hear += 1

    def fault(self, call: str, way: str, *, times: int = 1, seconds: float = 0) -> None:
        if (call, way) not in _FAULTS:
            raise NotThereError
        self._at_bank.script(_FAULTS[call, way], times=times, seconds=seconds)

    def notices(self, manner: str, *, seconds: float = 0) -> None:
        buttons = {"drop": "lose", "twice": "twice"}
        if manner not in buttons:
            raise NotThereError
        self._button = buttons[manner]

    def hear(self) -> None:
        eventually(lambda: len(everything(ProviderNotice)) >= self._to_hear)

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        faults = {
            "account": "read_other_account",
            "reference": "read_other_reference",
            "mode": "read_live",
        }
        self._at_bank.script(faults[what], times=10)

    def send_back(self, attempt: PaymentAttempt) -> None:
        url = f"{attempt.checkout_url}/reverse"
        assert http.send(HttpRequest("POST", url), timeout_s=TIMEOUT_S).status in {200, 303}

    def taken(self) -> list[Money]:
        return [Money(row["amount_minor"], row["currency"]) for row in self._at_bank.ledger()]

    def _press(self, attempt: PaymentAttempt, button: str) -> None:
        self._at_bank.press(attempt, button)
        self._to_hear += button not in _WITHOUT_NOTICE
