"""The sandbox bank and its adapter keep the contract, over real HTTP."""

from dataclasses import replace

import pytest

from tests.providers.contract import Desk, ProviderContract
from tests.providers.contract_refunds import RefundContract
from tests.sandbox.merchant import Merchant, press
from webapp.providers.base import CheckoutRequest, Created


class SandboxDesk(Desk):
    """A merchant at the bank, with the bank's faults as levers."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self.connection = merchant.connection

    def request(self) -> CheckoutRequest:
        return self._merchant.request()

    def pay(self, made: Created) -> None:
        press(made.url, "lose")

    def decline(self, made: Created) -> None:
        press(made.url, "decline")

    def answer_next_create_after(self, seconds: float) -> None:
        self._merchant.script("create_late", seconds=seconds)

    def never_answer_next_create(self, seconds: float) -> None:
        self._merchant.script("create_never", seconds=seconds)

    def lose_next_create(self) -> None:
        self._merchant.script("create_lost")

    def refuse_next_create(self) -> None:
        self._merchant.script("create_refused")

    def never_answer_next_refund(self, seconds: float) -> None:
        self._merchant.script("refund_never", seconds=seconds)

    def lose_next_refund(self) -> None:
        self._merchant.script("refund_lost")

    def refuse_next_refund(self) -> None:
        self._merchant.script("refund_refused")

    def be_unavailable_once(self, retry_after_s: int) -> None:
        self._merchant.script("read_unavailable", seconds=retry_after_s)

    def garble_next_read(self) -> None:
        self._merchant.script("read_malformed")

    def dribble_next_read(self, seconds: float) -> None:
        self._merchant.script("read_slow", seconds=seconds)


@pytest.fixture
def desk(merchant: Merchant) -> Desk:
    return SandboxDesk(merchant)


class TestSandboxKeepsTheContract(ProviderContract, RefundContract):
    """Every test of the contract, at the sandbox bank."""


def test_a_checkout_that_is_being_authorised_cannot_be_closed(merchant: Merchant) -> None:
    url, handle = merchant.checkout()
    assert handle.checkout_id is not None
    merchant.script("close_refused")
    merchant.script("read_processing")
    assert merchant.connection.close(handle.checkout_id, timeout_s=20).value == "NOT_OPEN"
    assert merchant.found(handle).state.value == "PROCESSING"
    press(url, "lose")
    assert merchant.found(handle).state.value == "PAID"


def test_a_provider_that_speaks_of_something_else_is_quoted_truly(merchant: Merchant) -> None:
    _, handle = merchant.checkout()
    for fault in ("read_other_account", "read_other_reference", "read_live"):
        merchant.script(fault)
    right = merchant.account, handle.reference, False
    seen = [merchant.found(handle) for _ in range(4)]
    told = [(one.account, one.reference, one.is_live) for one in seen]
    assert told == [
        ("sbx-somebody-else", *right[1:]),
        (right[0], "att-of-somebody-else", False),
        (*right[:2], True),
        right,
    ]


def test_a_long_description_is_cut_rather_than_refused(merchant: Merchant) -> None:
    request = replace(merchant.request(), description="ü" * 10_000, merchant_name="é" * 10_000)
    assert isinstance(merchant.connection.create(request, timeout_s=20), Created)
