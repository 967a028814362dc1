"""Notices: sent until somebody takes them, one try at a time, and given up in the end."""

import socket

import pytest

from tests.sandbox.merchant import Merchant, press
from tests.sandbox.process import BankProcess, eventually, free_port
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.providers.base import UnauthenticNoticeError
from webapp.sandbox import buttons, checkouts, notices
from webapp.sandbox.bank import Bank
from webapp.sandbox.bodies import NewCheckout
from webapp.sandbox.buttons import Button
from webapp.sandbox.values import Checkout, now


def new_checkout(bank: Bank) -> Checkout:
    """Open a checkout in a bank that has no server."""
    request = Merchant("http://127.0.0.1:9", "http://127.0.0.1:9/n").request()
    order = NewCheckout.model_validate(
        {**request.as_json(), "expires_at": request.expires_at}
    ).order
    with bank.store.transaction() as books:
        return checkouts.make(books, "sbx-inside", order)


@pytest.mark.parametrize("status", [404, 503])
def test_a_notice_that_is_not_taken_comes_again(
    merchant: Merchant, receiver: Receiver, status: int
) -> None:
    receiver.next_statuses = [status]
    url, _ = merchant.checkout()

    press(url, "pay")

    first, second = receiver.wait_for(2)
    assert first.body == second.body


def test_a_notice_comes_again_when_nobody_was_there(bank: BankProcess) -> None:
    port = free_port()
    merchant = Merchant(bank.url, f"http://127.0.0.1:{port}/notices")
    url, handle = merchant.checkout()
    press(url, "pay")
    with socket.create_server(("127.0.0.1", port)) as shop:
        shop.settimeout(60)
        connection, _ = shop.accept()
        with connection:
            connection.settimeout(60)
            seen = b""
            while handle.reference.encode() not in seen:
                seen += connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_a_notice_under_way_is_not_sent_again(merchant: Merchant, receiver: Receiver) -> None:
    receiver.is_answering.clear()
    slow_url, slow = merchant.checkout()
    press(slow_url, "pay")
    receiver.wait_for(1)
    for _ in range(5):
        url, _ = merchant.checkout()
        press(url, "pay")
    receiver.wait_for(6)
    receiver.is_answering.set()
    url, handle = merchant.checkout()
    press(url, "pay")
    assert eventually(lambda: handle.reference in receiver.references)
    assert receiver.references.count(slow.reference) == 1


def test_the_tries_come_further_and_further_apart_and_end(inner_bank: Bank) -> None:
    checkout = new_checkout(inner_bank)
    buttons.press(inner_bank, checkout.id, Button.PAY)
    waits = []
    for _ in range(notices.MAX_TRIES):
        with inner_bank.store.transaction() as books:
            [(notice_id, _)] = notices.pending(books, 10)
            before = now()
            notices.record(books, notices.get(books, notice_id), is_delivered=False)
            waits += [due_at - before for _, due_at in notices.pending(books, 10)]
    assert [round(wait) for wait in waits] == [1, 5, 20, 60, 60, 60, 60, 60, 60]
    with inner_bank.store.transaction() as books:
        assert notices.pending(books, 10) == []


@pytest.mark.parametrize(
    ("button", "count"),
    [
        (Button.PAY, 1),
        (Button.DECLINE, 1),
        (Button.WRONG, 1),
        (Button.DOWN, 1),
        (Button.TWICE, 2),
        (Button.LOSE, 0),
        (Button.SILENT, 0),
        (Button.LATE, 0),
    ],
)
def test_a_button_promises_its_notices_together_with_what_it_does(
    inner_bank: Bank, button: Button, count: int
) -> None:
    checkout = new_checkout(inner_bank)
    buttons.press(inner_bank, checkout.id, button)
    with inner_bank.store.transaction() as books:
        assert len(notices.pending(books, 10)) == count


def test_each_try_is_signed_anew(merchant: Merchant, receiver: Receiver) -> None:
    receiver.next_statuses = [500]
    url, handle = merchant.checkout()
    press(url, "pay")
    for notice in receiver.wait_for(2):
        hint = merchant.connection.notice(notice.headers, notice.body, clock.now())
        assert hint.reference == handle.reference
        with pytest.raises(UnauthenticNoticeError):
            merchant.connection.notice(notice.headers, notice.body + b" ", clock.now())
