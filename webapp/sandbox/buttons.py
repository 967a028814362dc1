"""The buttons on the buyer's page: what each one says, and what it does."""

from enum import StrEnum

from webapp.sandbox import checkouts, faults, notices
from webapp.sandbox.bank import Bank
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.values import Checkout


class Button(StrEnum):
    """What a buyer can do, as the form sends it."""

    PAY = "pay"
    DECLINE = "decline"
    WRONG = "wrong"
    LATE = "late"
    SILENT = "silent"
    TWICE = "twice"
    LOSE = "lose"
    DOWN = "down"


def texts(settings: BankSettings) -> list[tuple[Button, str, str]]:
    """Return each button with its label and the one line that says what it will do."""
    late_s, down_s = f"{settings.sandbox_late_s:g}", f"{settings.sandbox_down_s:g}"
    return [
        (Button.PAY, "Pay", "Takes the money and tells the shop."),
        (Button.DECLINE, "Decline", "Refuses the payment for good and tells the shop."),
        (
            Button.WRONG,
            "Pay the wrong amount",
            "Takes one major unit more than was asked for and tells the shop.",
        ),
        (
            Button.LATE,
            "Pay late",
            f"Goes back unpaid; takes the money {late_s} seconds after the checkout ended.",
        ),
        (Button.SILENT, "Say nothing", "Goes back unpaid; nothing happens, nobody is told."),
        (Button.TWICE, "Send the notice twice", "Takes the money and tells the shop twice."),
        (Button.LOSE, "Lose the notice", "Takes the money and never tells the shop."),
        (
            Button.DOWN,
            "Be down for two minutes",
            f"Takes the money and tells the shop, then answers it nothing for {down_s} seconds.",
        ),
    ]


def press(bank: Bank, checkout_id: str, button: Button) -> Checkout:
    """Do what the button says and return the checkout as it was before.

    Raises:
        UnknownCheckoutError: there is no such checkout.
        NotOpenError: it has ended; nothing was changed.
    """
    with bank.store.transaction() as books:
        checkout = checkouts.get(books, checkout_id)
        checkouts.must_be_open(checkout)
        copies = 1
        match button:
            case Button.PAY:
                checkouts.take(books, checkout)
            case Button.DECLINE:
                checkouts.decline(books, checkout)
            case Button.WRONG:
                checkouts.take(books, checkout, more_major_units=1)
            case Button.TWICE:
                checkouts.take(books, checkout)
                copies = 2
            case Button.LOSE:
                checkouts.take(books, checkout)
                copies = 0
            case Button.DOWN:
                checkouts.take(books, checkout)
                faults.go_down(books, checkout.account, bank.settings.sandbox_down_s)
            case Button.LATE:
                checkouts.pay_late(books, checkout)
                copies = 0
            case Button.SILENT:
                copies = 0
        delay_s = bank.settings.sandbox_notice_delay_s
        notices.queue(books, checkout, delay_s=delay_s, copies=copies)
    bank.clockwork.wake()
    return checkout
