"""A bank that is killed without a warning forgets nothing."""

from tests.sandbox.merchant import TIMEOUT_S, Merchant, press
from tests.sandbox.process import BankProcess, eventually, free_port
from tests.sandbox.receiver import Receiver
from webapp.providers.base import CloseAnswer, ProviderState, Unreadable


def test_a_killed_bank_goes_on_where_it_was(own_bank: BankProcess) -> None:
    port = free_port()  # nobody listens here before the bank is killed: its notice stays pending
    untold, late, down = (
        Merchant(own_bank.url, f"http://127.0.0.1:{port}/notices") for _ in range(3)
    )
    untold_url, untold_handle = untold.checkout()
    late_url, late_handle = late.checkout()
    down_url, down_handle = down.checkout()
    assert late_handle.checkout_id is not None
    press(down_url, "down")
    press(untold_url, "pay")
    press(late_url, "late")
    closed = late.connection.close(late_handle.checkout_id, timeout_s=TIMEOUT_S)
    assert closed is CloseAnswer.CLOSED

    own_bank.kill()
    receiver = Receiver(port)
    try:
        own_bank.start()

        assert eventually(lambda: untold_handle.reference in receiver.references)
        assert untold.found(untold_handle).state is ProviderState.PAID
        assert eventually(lambda: late.found(late_handle).state is ProviderState.PAID)
        assert isinstance(down.read(down_handle), Unreadable)
        down.script("down", seconds=0)
        assert down.found(down_handle).state is ProviderState.PAID
        for merchant in (untold, late, down):
            assert len(merchant.ledger()) == 1
    finally:
        receiver.close()


def test_a_bank_that_is_told_to_stop_does_so_cleanly(own_bank: BankProcess) -> None:
    assert own_bank.terminate(within_s=TIMEOUT_S) == 0
