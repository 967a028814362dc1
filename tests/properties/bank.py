"""A bank as the histories see it: what its buyers do, its own ledger, its troubles, its letters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tests.fakes.courier import Courier, Write
from tests.fakes.faults import Fake
from tests.properties.times import now_s
from webapp.core.money import Money

# What can go wrong with each call, so that nobody has to wait for it.
WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "create": ("cut", "lost", "refused", "crashed", "unavailable", "busy", "malformed"),
    "read": ("lost", "crashed", "unavailable", "busy", "malformed", "odd"),
    "close": ("cut", "lost", "refused", "crashed"),
    "refund": ("cut", "lost", "refused", "crashed", "unavailable", "malformed"),
}


@dataclass(frozen=True)
class Entry:
    """Money in the bank's own ledger: its name there, the attempt it is for, and how much."""

    payment: str
    reference: str
    money: Money


@dataclass
class Taken:
    """When the money of one checkout was taken last, and whether that was after its end."""

    at_s: float
    was_over: bool


@dataclass
class Letter:
    """One notice on its way. It is written, and signed, when it is brought."""

    url: str
    write: Write


class Post(Courier):
    """Takes notices and brings none: the history does that."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []

    def send(self, url: str, write: Write) -> None:
        self.letters.append(Letter(url, write))


@dataclass(frozen=True)
class Opening:
    """What a merchant types in to connect an account."""

    external_account: str
    is_live: bool
    secrets: Mapping[str, str]


@dataclass
class Bank(ABC):
    """One account at one provider. Checkouts go by our references, the attempts'."""

    taken: dict[str, Taken] = field(default_factory=dict, init=False)

    name: ClassVar[str]
    money: ClassVar[Money] = Money(2500, "EUR")
    # Whether a checkout can be paid whose address nobody was told, and then be read.
    reads_by_reference: ClassVar[bool] = True

    @abstractmethod
    def opening(self) -> Opening:
        """Say how the account is connected."""

    @abstractmethod
    def listen(self, notice_url: str) -> None:
        """Learn where notices go, if the request for a checkout does not say so."""

    @abstractmethod
    def references(self) -> list[str]:
        """Return what there are checkouts for, the oldest first."""

    @abstractmethod
    def ledger(self) -> list[Entry]:
        """Return all money that was taken."""

    @abstractmethod
    def sent_back(self) -> dict[str, int]:
        """Return how much of each payment went back, or is on its way, in minor units."""

    @abstractmethod
    def is_over(self, reference: str) -> bool:
        """Say whether a checkout takes no money any more, as a rule."""

    @abstractmethod
    def charge(self, reference: str, difference: int) -> None:
        """Take what was asked for, or so much more, whatever the state of the checkout."""

    @abstractmethod
    def decline(self, reference: str) -> None:
        """Let a card be refused."""

    @abstractmethod
    def end(self, reference: str) -> None:
        """Let the time of the checkout be over."""

    @abstractmethod
    def puzzle(self, reference: str) -> None:
        """Be unclear about a checkout: until there is no trouble any more, or for some reads."""

    @abstractmethod
    def trouble(self, call: str, way: str, *, times: int) -> None:
        """Let the next calls go wrong."""

    @abstractmethod
    def fail(self, way: str) -> None:
        """Let all calls go wrong from now on."""

    @abstractmethod
    def recover(self) -> None:
        """Be in no trouble any more, and clear about everything."""

    @abstractmethod
    def letters(self) -> list[Letter]:
        """Return the notices that were written since the last time."""

    def can_charge_again(self, reference: str) -> bool:
        """Say whether one checkout could take money twice."""
        del reference
        return False

    def pay(self, reference: str, difference: int = 0) -> None:
        """Let the buyer pay, on time or late, and once only unless the bank is one that errs."""
        is_paid = reference in self.taken
        if is_paid and not self.can_charge_again(reference):
            return
        was_over = self.is_over(reference) or is_paid
        self.charge(reference, difference)
        self.taken[reference] = Taken(now_s(), was_over)


@dataclass
class FakeBank(Bank):
    """One of the fakes, whose calls have names of their own."""

    fake: Any  # each has levers of its own

    CALLS: ClassVar[Mapping[str, tuple[str, ...]]]

    def __post_init__(self) -> None:
        self.post = Post()
        self._key: str = self.fake.api_key
        with suppress(AttributeError):
            self.fake.courier = self.post

    def trouble(self, call: str, way: str, *, times: int) -> None:
        faulty: Fake = self.fake
        if way == "odd":
            return self._be_odd()
        for name in self.CALLS.get(call, ()):
            faulty.misbehave(name, way, times=times)
        return None

    def fail(self, way: str) -> None:
        if way == "locked":
            self.fake.api_key = "another-one"
            return
        for call in self.CALLS:
            self.trouble(call, way, times=1000)

    def recover(self) -> None:
        self.fake._faults.clear()
        self.fake.api_key = self._key

    def letters(self) -> list[Letter]:
        found, self.post.letters = self.post.letters, []
        return found

    def listen(self, notice_url: str) -> None:
        pass

    def _be_odd(self) -> None:
        """Say something else than usual, where the fake knows how."""
