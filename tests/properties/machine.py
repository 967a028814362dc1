"""A random history: buyers, a bank, notices, workers that die, a merchant, and time that passes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, Final

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.domain.side_by_side import side_by_side
from tests.properties.bank import Bank, Letter
from tests.properties.books import Books, Row
from tests.properties.deeds import DEEDS, MINUTES, Deed
from tests.properties.drain import drain
from tests.properties.fates import HeldUp, Killed
from tests.properties.sitters import NO, Sitters
from tests.properties.world import World
from webapp.core import clock
from webapp.core.errors import InvalidInputError, NoRoomError, NotRefundableError
from webapp.core.money import Money
from webapp.core.states import LinkState
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    audit,
    expiry,
    links,
    refund_rounds,
    refunds,
    reversal_rounds,
    reviews,
    sessions,
    starts,
    verification,
)
from webapp.domain.payments.links import Order
from webapp.domain.tickets import events
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Event, Merchant

SWEEPS: Final[dict[str, Callable[[], object]]] = {
    "verification": lambda: verification.run_due(Budget.of(seconds=60)),
    "expiry": lambda: expiry.run_due(Budget.of(seconds=60)),
    "sessions": sessions.expire_due,
    "starts": starts.time_out,
    "refunds": lambda: refund_rounds.run_due(Budget.of(seconds=60)),
    "reversals": lambda: reversal_rounds.run_due(Budget.of(seconds=60)),
}
_AUDITED_EVERY: Final = 20
# What is drawn so high chooses from all, also from what makes little sense.
_SELDOM: Final = 2
_MOST_LINKS: Final = 5
_DIFFERENCES: Final = {"pays": 0, "pays less": -100, "pays more": 100}


class History(Sitters, RuleBasedStateMachine):
    """Some links of one merchant at one bank, and everything that can come to them."""

    world: ClassVar[World]
    bank_name: ClassVar[str]
    ended: ClassVar[Callable[["History"], None]]

    @initialize(
        capacity=strategies.sampled_from([None, None, 6]),
        minutes=MINUTES,
        is_late_welcome=strategies.booleans(),
    )
    def begin(self, capacity: int | None, minutes: int, is_late_welcome: bool) -> None:
        merchant, self.bank = self.world.begin_anew(self.bank_name)
        self.merchant_id = merchant.id
        self.books = Books(self.world.database)
        self.life = timedelta(minutes=minutes)
        self.letters: list[Letter] = []
        self.held_up: list[HeldUp] = []
        self.tabs = {}
        self.looks = 0
        with transaction():
            merchant.accepts_late_payments = is_late_welcome
            db.session.add(merchant)
        event = events.make(
            merchant,
            title="Evening",
            place="Hall 1",
            starts_at=clock.now() + timedelta(days=30),
            timezone="UTC",
            capacity=capacity,
        )
        self.event_id = event.id
        self.a_link_is_made()
        self.a_link_is_made()
        self.books.look()

    # One rule, so that no history goes without buyers or workers: hypothesis leaves out some of
    # several rules in each run.
    @rule(deed=DEEDS)
    def next(self, deed: Deed) -> None:
        name, arguments = deed
        getattr(self, name.replace(" ", "_"))(**arguments)

    @invariant()
    def our_books_are_right(self) -> None:
        if self.books.look():
            self.books.check(self.bank, self.bank.ledger())
            self.looks += 1
            if self.looks % _AUDITED_EVERY == 0:
                assert audit.run().findings == []

    def teardown(self) -> None:
        """Let everything come to its end, and count."""
        if not hasattr(self, "looks"):
            return
        db.session.remove()
        for worker in self.held_up:
            worker.go_on()
        drain(self.world, self.bank, self.books)
        self.ended()

    def a_buyer_pays(self, which: int, act: str) -> None:
        code = self._open_link(which)
        with suppress(*NO):
            started = self._press_pay(code, 0)
            if started.url is not None:
                self.bank.pay(started.attempt_reference, _DIFFERENCES[act])

    def a_buyer_presses_pay(self, which: int, tab: int, death: int | None) -> None:
        code = self._open_link(which)
        with self.world.fates.one_dies(death), suppress(*NO):
            self._press_pay(code, tab)

    def a_buyer_waits_long_for_the_answer(self, which: int) -> None:
        code = self._open_link(which)
        self._hold_up(lambda: self._press_pay(code, 0))

    def a_buyer_at_the_banks_page(self, which: int, act: str) -> None:
        known = self._payable()
        if not known:
            return
        reference = known[which % len(known)]
        if act in _DIFFERENCES:
            self.bank.pay(reference, _DIFFERENCES[act])
        elif act == "is declined":
            self.bank.decline(reference)
        elif act == "comes too late":
            self.bank.end(reference)
        else:
            self.bank.puzzle(reference)

    def a_notice_is_brought(self, which: int, stays: bool, death: int | None) -> None:
        letter = self._letter(which)
        if letter is None:
            return
        if not stays:
            self.letters.remove(letter)
        with self.world.fates.one_dies(death):
            headers, body = letter.write()
            assert self.world.bring(letter.url, headers, body) in {204, 400, 404}

    def a_notice_is_lost(self, which: int) -> None:
        letter = self._letter(which)
        if letter is not None:
            self.letters.remove(letter)

    def a_notice_is_forged(self, which: int) -> None:
        letter = self._letter(which)
        if letter is None:
            return
        headers, body = letter.write()
        forged = {name: _forged(name, value) for name, value in headers.items()}
        status = self.world.bring(letter.url, forged, body)
        # An unsigned one is no more than a question, whoever asks it.
        assert status in ({400} if forged != headers else {204, 404}), status

    def a_sweep_runs(self, name: str, death: int | None) -> None:
        with self.world.fates.one_dies(death):
            SWEEPS[name]()

    def two_sweeps_run_at_once(self, one: str, other: str) -> None:
        db.session.remove()
        side_by_side(self.world.app, [SWEEPS[one], SWEEPS[other]])

    def an_attempt_is_read(self, which: int, death: int | None) -> None:
        if self.books.attempts:
            reference = self._attempt(which)
            with self.world.fates.one_dies(death):
                verification.run_one(reference, actor="test")

    def an_attempt_is_read_and_the_answer_grows_old(self, which: int) -> None:
        if self.books.attempts:
            reference = self._attempt(which)
            self._hold_up(lambda: verification.run_one(reference, actor="test"))

    def what_was_held_up_goes_on(self) -> None:
        if self.held_up:
            db.session.remove()
            self.held_up.pop(0).go_on()

    def the_merchant_decides(self, which: int, act: str) -> None:
        in_review = [link for link in self.books.links if link["state"] == LinkState.REVIEW]
        link = in_review[which % len(in_review)] if in_review else self._link(which)
        with suppress(*NO):
            match act:
                case "cancels":
                    links.cancel(self.merchant, self._link(which)["code"], actor="test")
                case "accepts":
                    reviews.accept(self.merchant, link["code"], actor="test")
                case _:
                    reviews.dismiss(self.merchant, link["code"], reason="no", actor="test")

    def the_merchant_sends_money_back(self, which: int, is_all: bool) -> None:
        if not self.books.captures:
            return
        capture = self.books.captures[-1 - which % len(self.books.captures)]
        (code,) = (row["code"] for row in self.books.links if row["id"] == capture["link_id"])
        with suppress(NotRefundableError, InvalidInputError):
            refunds.request(
                self.merchant,
                code,
                reason="no",
                actor="test",
                amount=None if is_all else Money(700, capture["currency"]),
                payment=capture["payment_reference"],
            )

    def a_link_is_made(self) -> str:
        order = Order(
            title="Two tickets",
            money=self.bank.money,
            buyer_email="ada@example.org",
            ticket_count=2,
            event=db.session.get_one(Event, self.event_id),
            expires_at=clock.now() + self.life,
        )
        made = links.make(self.merchant, order, actor="test")
        try:
            links.open_(self.merchant, made.code, actor="test")
        except NoRoomError:
            links.cancel(self.merchant, made.code, actor="test")
        return made.code

    def time_passes(self, seconds: int) -> None:
        self.world.times.pass_by(timedelta(seconds=seconds))

    def a_call_will_go_wrong(self, problem: tuple[str, str], times: int) -> None:
        self.bank.trouble(*problem, times=times)

    def the_bank_fails(self, way: str) -> None:
        self.bank.fail(way)

    def the_bank_recovers(self) -> None:
        self.bank.recover()

    @property
    def merchant(self) -> Merchant:
        """The merchant as it is now: a worker that died took its session along."""
        return db.session.get_one(Merchant, self.merchant_id)

    def _link(self, which: int) -> Row:
        return self.books.links[-1 - which % len(self.books.links)]

    def _open_link(self, which: int) -> str:
        """Return the code of a link that is open; mostly of one that nobody pays at the moment."""
        is_open = [link for link in self.books.links if link["state"] == LinkState.OPEN]
        if which < _SELDOM:
            is_open = [link for link in is_open if not link["may_hold_money"]]
            if not is_open and len(self.books.links) < _MOST_LINKS:
                return self.a_link_is_made()
        code: str = is_open[which % len(is_open)]["code"] if is_open else self._link(which)["code"]
        return code

    def _payable(self) -> list[str]:
        """Return the checkouts whose page a buyer may have found: the newest unpaid ones first."""
        known = {row["reference"]: row["checkout_id"] for row in self.books.attempts}
        found = [
            reference
            for reference in reversed(self.bank.references())
            if self.bank.reads_by_reference or known.get(reference)
        ]
        return sorted(found, key=lambda reference: reference in self.bank.taken)

    def _attempt(self, which: int) -> str:
        reference: str = self.books.attempts[-1 - which % len(self.books.attempts)]["reference"]
        return reference

    def _letter(self, which: int) -> Letter | None:
        self.letters += self.bank.letters()
        return self.letters[which % len(self.letters)] if self.letters else None

    def _hold_up(self, work: Callable[[], object]) -> None:
        def patient() -> None:
            with suppress(*NO, Killed):
                work()

        db.session.remove()
        worker = HeldUp(self.world.app, patient)
        if self.world.fates.hold_up(worker):
            self.held_up.append(worker)
        else:
            worker.go_on()

    bank: Bank


def _forged(name: str, value: str) -> str:
    digits: dict[int, Any] = str.maketrans("0123456789", "1234567890")
    return value.translate(digits) if "ignature" in name else value
