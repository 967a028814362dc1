"""The contract's part about money on its way back; see `tests.providers.contract`."""

from dataclasses import replace

from tests.providers.contract import FAULT_S, SHORT_S, TIMEOUT_S, Desk
from tests.sandbox.process import free_port
from webapp.core import references
from webapp.core.money import Money
from webapp.providers.base import Created, Found, Handle, Payment, Unreadable
from webapp.providers.refunds import (
    FoundRefunds,
    RefundAccepted,
    RefundRefused,
    RefundState,
    RefundUnknown,
    RefundWish,
    SeenRefund,
)


class RefundContract:
    """Full, in part, refused, unanswered: what an adapter must say of each, and what the books."""

    def test_the_whole_payment_goes_back_once(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        _send_back(desk, _wish(payment, payment.money))
        assert _went_back(desk, payment) == [payment.money]
        more = desk.connection.refund(_wish(payment, payment.money), timeout_s=TIMEOUT_S)
        # Where it was refunded before, a provider may leave in doubt whether this is our own.
        assert isinstance(more, RefundRefused | RefundUnknown)
        assert _went_back(desk, payment) == [payment.money]

    def test_parts_go_back_until_nothing_is_left(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        part, rest = _parts(payment.money)
        _send_back(desk, _wish(payment, part))
        too_much = desk.connection.refund(_wish(payment, payment.money), timeout_s=TIMEOUT_S)
        assert isinstance(too_much, RefundRefused)
        _send_back(desk, _wish(payment, rest))
        assert _went_back(desk, payment) == [part, rest]

    def test_the_same_wish_twice_sends_back_once_only_where_the_adapter_says_so(
        self, desk: Desk
    ) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        part, _ = _parts(payment.money)
        wish = _wish(payment, part)
        first, second = _send_back(desk, wish), _send_back(desk, wish)
        if desk.connection.adapter.CAPABILITIES.can_repeat_refund:
            assert first.reference == second.reference
            assert _went_back(desk, payment) == [part]
        else:
            assert _went_back(desk, payment) == [part, part]

    def test_a_refused_wish_sends_nothing_back(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        desk.refuse_next_refund()
        answer = desk.connection.refund(_wish(payment, payment.money), timeout_s=TIMEOUT_S)
        assert isinstance(answer, RefundRefused)
        assert answer.reason
        assert _went_back(desk, payment) == []

    def test_a_refund_whose_answer_never_came_is_found_in_the_books(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        part, _ = _parts(payment.money)
        wish = _wish(payment, part)
        desk.never_answer_next_refund(FAULT_S)
        assert isinstance(desk.connection.refund(wish, timeout_s=SHORT_S), RefundUnknown)
        (seen,) = _books(desk, payment)
        assert (seen.money, seen.key in {wish.key, None}) == (part, True)

    def test_a_lost_wish_is_unknown_and_not_in_the_books(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        desk.lose_next_refund()
        answer = desk.connection.refund(_wish(payment, payment.money), timeout_s=TIMEOUT_S)
        assert isinstance(answer, RefundUnknown)
        assert _books(desk, payment) == ()

    def test_of_a_provider_that_is_not_there_nothing_is_known(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        access = replace(desk.connection.access, base_url=f"http://127.0.0.1:{free_port()}")
        nobody = replace(desk.connection, access=access)
        wish = _wish(payment, payment.money)
        assert isinstance(nobody.refund(wish, timeout_s=TIMEOUT_S), RefundUnknown)
        read = nobody.read_refunds(payment.reference, timeout_s=TIMEOUT_S)
        assert isinstance(read, Unreadable)

    def test_a_wrong_key_sends_nothing_back_and_reads_nothing(self, desk: Desk) -> None:
        payment = _paid(desk)
        if not _can_refund(desk, payment):
            return
        secrets = dict.fromkeys(desk.connection.access.secrets, "wrong")
        stranger = replace(desk.connection, access=replace(desk.connection.access, secrets=secrets))
        wish = _wish(payment, payment.money)
        assert isinstance(stranger.refund(wish, timeout_s=TIMEOUT_S), RefundRefused)
        read = stranger.read_refunds(payment.reference, timeout_s=TIMEOUT_S)
        assert isinstance(read, Unreadable)
        assert _books(desk, payment) == ()


def _paid(desk: Desk) -> Payment:
    request = desk.request()
    made = desk.connection.create(request, timeout_s=TIMEOUT_S)
    assert isinstance(made, Created), made
    desk.pay(made)
    handle = Handle(request.reference, made.checkout_id)
    read = desk.connection.read(handle, timeout_s=TIMEOUT_S)
    assert isinstance(read, Found), read
    (payment,) = read.observation.payments
    return payment


def _can_refund(desk: Desk, payment: Payment) -> bool:
    """Whether the provider sends money back; one that does not must say so, and nothing else."""
    if desk.connection.adapter.CAPABILITIES.can_refund:
        return True
    wish = _wish(payment, payment.money)
    assert isinstance(desk.connection.refund(wish, timeout_s=TIMEOUT_S), RefundRefused)
    read = desk.connection.read_refunds(payment.reference, timeout_s=TIMEOUT_S)
    assert isinstance(read, Unreadable)
    return False


def _wish(payment: Payment, money: Money) -> RefundWish:
    key = references.refund_reference()
    return RefundWish(key, payment.reference, money, is_whole=money == payment.money)


def _parts(whole: Money) -> tuple[Money, Money]:
    """Return a part of some money, less than half of it, and the rest."""
    part = whole.minor // 5
    return Money(part, whole.currency), Money(whole.minor - part, whole.currency)


def _send_back(desk: Desk, wish: RefundWish) -> RefundAccepted:
    answer = desk.connection.refund(wish, timeout_s=TIMEOUT_S)
    assert isinstance(answer, RefundAccepted), answer
    assert answer.state is not RefundState.FAILED
    return answer


def _books(desk: Desk, payment: Payment) -> tuple[SeenRefund, ...]:
    read = desk.connection.read_refunds(payment.reference, timeout_s=TIMEOUT_S)
    assert isinstance(read, FoundRefunds), read
    return read.refunds


def _went_back(desk: Desk, payment: Payment) -> list[Money]:
    """Return the amounts in the books, the oldest first; each has a name of its own there."""
    seen = _books(desk, payment)
    assert len({refund.reference for refund in seen}) == len(seen)
    return [refund.money for refund in seen if refund.state is not RefundState.FAILED]
