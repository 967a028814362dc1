"""What every adapter and its provider must keep together, whatever the provider's dialect.

An adapter's test inherits `ProviderContract` and brings a `desk`: the levers of the other side.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import replace

from tests.sandbox.process import free_port
from webapp.providers.base import (
    CheckoutRequest,
    CloseAnswer,
    Created,
    Found,
    Handle,
    Missing,
    Observation,
    ProviderState,
    Recovery,
    Refused,
    Unanswered,
    Unreadable,
)
from webapp.providers.connection import Connection

TIMEOUT_S = 20.0
SHORT_S = 0.4
# What a deadline may overrun on a busy machine; the faults below last far longer.
SLACK_S = 6.0
FAULT_S = 12.0


class Desk(ABC):
    """A test account at a provider, and the levers that make the provider misbehave."""

    connection: Connection

    @abstractmethod
    def request(self) -> CheckoutRequest:
        """Return a new wish to be paid, with a reference of its own."""

    @abstractmethod
    def pay(self, made: Created) -> None:
        """Pay a checkout as a buyer does."""

    @abstractmethod
    def decline(self, made: Created) -> None:
        """Have a buyer's payment refused for good."""

    @abstractmethod
    def answer_next_create_after(self, seconds: float) -> None:
        """Make the next checkout at once and answer only after so many seconds."""

    @abstractmethod
    def never_answer_next_create(self, seconds: float) -> None:
        """Make the next checkout, hold the connection for so long and then cut it."""

    @abstractmethod
    def lose_next_create(self) -> None:
        """Neither make the next checkout nor answer."""

    @abstractmethod
    def refuse_next_create(self) -> None:
        """Refuse to make the next checkout."""

    @abstractmethod
    def never_answer_next_refund(self, seconds: float) -> None:
        """Send the money back, hold the connection for so long and then cut it."""

    @abstractmethod
    def lose_next_refund(self) -> None:
        """Neither send the money back nor answer."""

    @abstractmethod
    def refuse_next_refund(self) -> None:
        """Refuse to send the money back."""

    @abstractmethod
    def be_unavailable_once(self, retry_after_s: int) -> None:
        """Answer the next read with 503 and Retry-After."""

    @abstractmethod
    def garble_next_read(self) -> None:
        """Answer the next read with something that is no document."""

    @abstractmethod
    def dribble_next_read(self, seconds: float) -> None:
        """Send the right answer of the next read slowly, over so many seconds."""


class ProviderContract:
    """The contract itself."""

    def test_a_new_checkout_is_found_by_its_id_and_by_our_reference(self, desk: Desk) -> None:
        request, made = _make(desk)
        seen = _found(desk, Handle(request.reference, made.checkout_id))
        assert seen == _recovered(desk, request)
        assert seen.account == desk.connection.access.account
        assert seen.is_live is desk.connection.access.is_live
        assert (seen.checkout_id, seen.reference) == (made.checkout_id, request.reference)
        assert (seen.state, seen.payments) == (ProviderState.OPEN, ())
        assert seen.checkout_url in {made.url, None}

    def test_a_paid_checkout_shows_the_money_it_took(self, desk: Desk) -> None:
        request, made = _make(desk)
        desk.pay(made)
        seen = _found(desk, Handle(request.reference, made.checkout_id))
        assert seen.state is ProviderState.PAID
        assert [payment.money for payment in seen.payments] == [request.money]
        assert seen.payments[0].reference
        assert seen.payments[0].paid_at is not None

    def test_a_declined_payment_is_not_paid(self, desk: Desk) -> None:
        request, made = _make(desk)
        desk.decline(made)
        seen = _found(desk, Handle(request.reference, made.checkout_id))
        assert seen.state in {ProviderState.FAILED, ProviderState.ATTEMPT_FAILED}
        assert seen.payments == ()

    def test_the_same_wish_twice_makes_one_checkout(self, desk: Desk) -> None:
        request, made = _make(desk)
        again = desk.connection.create(request, timeout_s=TIMEOUT_S)
        assert isinstance(again, Unanswered) or again == made
        assert _recovered(desk, request).checkout_id == made.checkout_id

    def test_a_closed_checkout_reads_as_closed(self, desk: Desk) -> None:
        request, made = _make(desk)
        if not desk.connection.adapter.CAPABILITIES.can_close:
            assert _close(desk, made) is CloseAnswer.UNKNOWN
            seen = _found(desk, Handle(request.reference, made.checkout_id))
            assert seen.state is ProviderState.OPEN
            return
        assert _close(desk, made) is CloseAnswer.CLOSED
        seen = _found(desk, Handle(request.reference, made.checkout_id))
        assert (seen.state, seen.payments) == (ProviderState.CLOSED, ())
        assert _close(desk, made) in {CloseAnswer.CLOSED, CloseAnswer.NOT_OPEN}

    def test_a_paid_checkout_cannot_be_closed(self, desk: Desk) -> None:
        request, made = _make(desk)
        desk.pay(made)
        can_close = desk.connection.adapter.CAPABILITIES.can_close
        assert _close(desk, made) is (CloseAnswer.NOT_OPEN if can_close else CloseAnswer.UNKNOWN)
        seen = _found(desk, Handle(request.reference, made.checkout_id))
        assert seen.state is ProviderState.PAID

    def test_what_was_never_made_is_missing(self, desk: Desk) -> None:
        _, made = _make(desk)
        assert _is_unknown(desk, desk.request())
        handle = Handle(desk.request().reference, f"{made.checkout_id}0")
        assert desk.connection.read(handle, timeout_s=TIMEOUT_S) == Missing()

    def test_a_refused_wish_makes_nothing(self, desk: Desk) -> None:
        request = desk.request()
        desk.refuse_next_create()
        assert isinstance(desk.connection.create(request, timeout_s=TIMEOUT_S), Refused)
        assert _is_unknown(desk, request)

    def test_a_checkout_whose_answer_came_too_late_is_found_by_our_reference(
        self, desk: Desk
    ) -> None:
        request = desk.request()
        desk.answer_next_create_after(FAULT_S)
        assert isinstance(_in_time(desk, request), Unanswered)
        assert _recovered(desk, request).state is ProviderState.OPEN

    def test_a_checkout_whose_answer_never_came_is_found_by_our_reference(self, desk: Desk) -> None:
        request = desk.request()
        desk.never_answer_next_create(FAULT_S)
        assert isinstance(_in_time(desk, request), Unanswered)
        assert _recovered(desk, request).state is ProviderState.OPEN

    def test_a_lost_wish_is_unanswered_and_missing(self, desk: Desk) -> None:
        request = desk.request()
        desk.lose_next_create()
        assert isinstance(desk.connection.create(request, timeout_s=TIMEOUT_S), Unanswered)
        assert _is_unknown(desk, request)

    def test_an_unavailable_provider_says_when_to_come_back(self, desk: Desk) -> None:
        request, made = _make(desk)
        handle = Handle(request.reference, made.checkout_id)
        desk.be_unavailable_once(retry_after_s=7)
        read = desk.connection.read(handle, timeout_s=TIMEOUT_S)
        assert isinstance(read, Unreadable)
        assert read.retry_after_s == 7
        assert _found(desk, handle).state is ProviderState.OPEN

    def test_a_garbled_answer_is_unreadable(self, desk: Desk) -> None:
        request, made = _make(desk)
        desk.pay(made)
        handle = Handle(request.reference, made.checkout_id)
        desk.garble_next_read()
        assert isinstance(desk.connection.read(handle, timeout_s=TIMEOUT_S), Unreadable)
        assert _found(desk, handle).state is ProviderState.PAID

    def test_a_dribbling_answer_is_given_up_in_time(self, desk: Desk) -> None:
        request, made = _make(desk)
        desk.dribble_next_read(FAULT_S)
        began = time.monotonic()
        read = desk.connection.read(Handle(request.reference, made.checkout_id), timeout_s=SHORT_S)
        assert isinstance(read, Unreadable)
        assert time.monotonic() - began < SHORT_S + SLACK_S

    def test_a_provider_that_is_not_there_is_never_believed(self, desk: Desk) -> None:
        access = replace(desk.connection.access, base_url=f"http://127.0.0.1:{free_port()}")
        nobody = replace(desk.connection, access=access)
        request = desk.request()
        assert isinstance(nobody.create(request, timeout_s=TIMEOUT_S), Unanswered)
        read = nobody.read(Handle(request.reference, None), timeout_s=TIMEOUT_S)
        assert isinstance(read, Unreadable)
        assert nobody.close("any", timeout_s=TIMEOUT_S) is CloseAnswer.UNKNOWN

    def test_a_wrong_key_reads_nothing(self, desk: Desk) -> None:
        request, made = _make(desk)
        secrets = dict.fromkeys(desk.connection.access.secrets, "wrong")
        access = replace(desk.connection.access, secrets=secrets)
        stranger = replace(desk.connection, access=access)
        read = stranger.read(Handle(request.reference, made.checkout_id), timeout_s=TIMEOUT_S)
        assert isinstance(read, Unreadable)
        assert isinstance(stranger.create(desk.request(), timeout_s=TIMEOUT_S), Refused)
        assert stranger.close(made.checkout_id, timeout_s=TIMEOUT_S) is CloseAnswer.UNKNOWN


def _make(desk: Desk) -> tuple[CheckoutRequest, Created]:
    request = desk.request()
    made = desk.connection.create(request, timeout_s=TIMEOUT_S)
    assert isinstance(made, Created), made
    return request, made


def _found(desk: Desk, handle: Handle) -> Observation:
    read = desk.connection.read(handle, timeout_s=TIMEOUT_S)
    assert isinstance(read, Found), read
    return read.observation


def _recovered(desk: Desk, request: CheckoutRequest) -> Observation:
    """Find a checkout again of which we know no more than what we asked for."""
    checkout_id = None
    if desk.connection.adapter.CAPABILITIES.recovery is Recovery.SAME_REQUEST:
        again = desk.connection.create(request, timeout_s=TIMEOUT_S)
        assert isinstance(again, Created), again
        checkout_id = again.checkout_id
    return _found(desk, Handle(request.reference, checkout_id))


def _is_unknown(desk: Desk, request: CheckoutRequest) -> bool:
    """Whether no checkout is found by our reference; where none ever is, nothing is said of it."""
    read = desk.connection.read(Handle(request.reference, None), timeout_s=TIMEOUT_S)
    if desk.connection.adapter.CAPABILITIES.recovery is Recovery.SAME_REQUEST:
        return isinstance(read, Unreadable)
    return read == Missing()


def _close(desk: Desk, made: Created) -> CloseAnswer:
    return desk.connection.close(made.checkout_id, timeout_s=TIMEOUT_S)


def _in_time(desk: Desk, request: CheckoutRequest) -> object:
    """Create with a short deadline, which must be kept."""
    began = time.monotonic()
    answer = desk.connection.create(request, timeout_s=SHORT_S)
    assert time.monotonic() - began < SHORT_S + SLACK_S
    return answer
