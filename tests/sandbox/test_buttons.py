"""Each button of the buyer's page: the money, the status and the notices that follow."""

import threading

import pytest

from tests.sandbox.merchant import TIMEOUT_S, Merchant, press
from tests.sandbox.process import BankProcess, eventually
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.providers.base import CloseAnswer, Handle, HttpAnswer, ProviderState, Unreadable

BACK = "http://127.0.0.1:9/back"


def amounts(merchant: Merchant, handle: Handle) -> list[int]:
    """Return what the ledger took for one checkout, and hold it against what a read says."""
    booked = [
        (payment["payment_id"], payment["amount_minor"])
        for payment in merchant.ledger()
        if payment["reference"] == handle.reference
    ]
    told = [(paid.reference, paid.money.minor) for paid in merchant.found(handle).payments]
    assert told == booked
    return [amount for _, amount in booked]


def only_the_next_payment_is_told(merchant: Merchant, receiver: Receiver) -> bool:
    """Pay another checkout: had there been an earlier notice, it would have come before."""
    url, handle = merchant.checkout()
    press(url, "pay")
    receiver.wait_for(1)
    return receiver.references == [handle.reference]


def test_pay_takes_the_money_and_then_tells(merchant: Merchant, receiver: Receiver) -> None:
    url, handle = merchant.checkout()

    answer = press(url, "pay")

    assert (answer.status, answer.headers["location"]) == (303, BACK)
    assert merchant.found(handle).state is ProviderState.PAID
    assert amounts(merchant, handle) == [2500]
    [notice] = receiver.wait_for(1)
    hint = merchant.connection.notice(notice.headers, notice.body, clock.now())
    assert (hint.reference, hint.checkout_id) == (handle.reference, handle.checkout_id)
    assert set(notice.content) == {"id", "type", "checkout_id", "reference", "created_at"}


def test_decline_is_final_and_told(merchant: Merchant, receiver: Receiver) -> None:
    url, handle = merchant.checkout()

    assert press(url, "decline").headers["location"] == BACK

    assert merchant.found(handle).state is ProviderState.FAILED
    assert receiver.wait_for(1)[0].content["reference"] == handle.reference
    assert press(url, "pay").status == 409
    assert amounts(merchant, handle) == []


@pytest.mark.parametrize(("currency", "minor", "taken"), [("EUR", 2500, 2600), ("JPY", 25, 26)])
def test_the_wrong_amount_is_one_major_unit_more(
    merchant: Merchant, receiver: Receiver, currency: str, minor: int, taken: int
) -> None:
    url, handle = merchant.checkout(minor=minor, currency=currency)

    assert press(url, "wrong").status == 303

    assert merchant.found(handle).state is ProviderState.PAID
    assert amounts(merchant, handle) == [taken]
    assert receiver.wait_for(1)[0].content["reference"] == handle.reference


def test_pay_late_looks_open_until_the_checkout_ended(
    merchant: Merchant, receiver: Receiver
) -> None:
    url, handle = merchant.checkout()
    assert handle.checkout_id is not None

    assert press(url, "late").headers["location"] == BACK

    assert merchant.found(handle).state is ProviderState.OPEN
    closed_at = clock.now()
    assert merchant.connection.close(handle.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.CLOSED
    assert receiver.wait_for(1)[0].content["reference"] == handle.reference
    seen = merchant.found(handle)
    assert seen.state is ProviderState.PAID
    assert amounts(merchant, handle) == [2500]
    assert seen.payments[0].paid_at is not None
    assert seen.payments[0].paid_at > closed_at


def test_say_nothing_changes_nothing(merchant: Merchant, receiver: Receiver) -> None:
    url, handle = merchant.checkout()

    assert press(url, "silent").headers["location"] == BACK

    assert merchant.found(handle).state is ProviderState.OPEN
    assert amounts(merchant, handle) == []
    assert only_the_next_payment_is_told(merchant, receiver)
    assert press(url, "pay").status == 303


def test_the_notice_sent_twice_is_the_same_notice(merchant: Merchant, receiver: Receiver) -> None:
    url, handle = merchant.checkout()

    press(url, "twice")

    first, second = receiver.wait_for(2)
    assert first.body == second.body
    assert amounts(merchant, handle) == [2500]


def test_a_lost_notice_is_never_sent(merchant: Merchant, receiver: Receiver) -> None:
    url, handle = merchant.checkout()

    press(url, "lose")

    assert amounts(merchant, handle) == [2500]
    assert only_the_next_payment_is_told(merchant, receiver)


def test_being_down_takes_the_money_and_answers_nobody_of_this_account(
    bank: BankProcess, merchant: Merchant, receiver: Receiver
) -> None:
    url, handle = merchant.checkout()
    neighbour = Merchant(bank.url, receiver.url)

    assert press(url, "down").headers["location"] == BACK

    read = merchant.read(handle)
    assert isinstance(read, Unreadable)
    assert read.retry_after_s is not None
    assert 500 < read.retry_after_s <= 600
    assert receiver.wait_for(1)[0].content["reference"] == handle.reference
    assert neighbour.checkout()
    merchant.script("down", seconds=0)
    assert merchant.found(handle).state is ProviderState.PAID
    assert amounts(merchant, handle) == [2500]


@pytest.mark.parametrize("button", ["pay", "twice", "wrong"])
def test_two_clicks_pay_once(merchant: Merchant, button: str) -> None:
    url, handle = merchant.checkout()
    together = threading.Barrier(2)
    answers: list[HttpAnswer] = []

    def click() -> None:
        together.wait()
        answers.append(press(url, button))

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()

    assert sorted(answer.status for answer in answers) == [303, 409]
    assert len(amounts(merchant, handle)) == 1


def test_a_checkout_that_wants_to_be_paid_late_can_still_be_paid_in_time(
    merchant: Merchant, receiver: Receiver
) -> None:
    url, handle = merchant.checkout()
    press(url, "late")

    press(url, "pay")

    assert eventually(lambda: receiver.references == [handle.reference])
    assert amounts(merchant, handle) == [2500]
