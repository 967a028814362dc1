"""The levers of the contract, at any fake provider."""

from collections.abc import Callable

from tests.fakes.faults import Fake
from tests.providers.contract import Desk
from tests.sandbox.merchant import press
from webapp.providers.base import CheckoutRequest, Created
from webapp.providers.connection import Connection


class FakeDesk(Desk):
    """A test account at a fake, whose calls for making and reading have names of their own."""

    def __init__(
        self,
        fake: Fake,
        connection: Connection,
        request: Callable[[], CheckoutRequest],
        *,
        create: str,
        read: str,
    ) -> None:
        self.connection = connection
        self._fake = fake
        self._request = request
        self._create = create
        self._read = read

    def request(self) -> CheckoutRequest:
        return self._request()

    def pay(self, made: Created) -> None:
        press(made.url, "pay")

    def decline(self, made: Created) -> None:
        press(made.url, "decline")

    def answer_next_create_after(self, seconds: float) -> None:
        self._fake.misbehave(self._create, "late", seconds=seconds)

    def never_answer_next_create(self, seconds: float) -> None:
        self._fake.misbehave(self._create, "cut", seconds=seconds)

    def lose_next_create(self) -> None:
        self._fake.misbehave(self._create, "lost")

    def refuse_next_create(self) -> None:
        self._fake.misbehave(self._create, "refused")

    def never_answer_next_refund(self, seconds: float) -> None:
        self._fake.misbehave("refund", "cut", seconds=seconds)

    def lose_next_refund(self) -> None:
        self._fake.misbehave("refund", "lost")

    def refuse_next_refund(self) -> None:
        self._fake.misbehave("refund", "refused")

    def be_unavailable_once(self, retry_after_s: int) -> None:
        self._fake.misbehave(self._read, "unavailable", seconds=retry_after_s)

    def garble_next_read(self) -> None:
        self._fake.misbehave(self._read, "malformed")

    def dribble_next_read(self, seconds: float) -> None:
        self._fake.misbehave(self._read, "slow", seconds=seconds)
