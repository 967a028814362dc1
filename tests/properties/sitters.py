"""Buyers as the histories see them: each tab has its cookie before anything is pressed there."""

from contextlib import suppress
from datetime import timedelta
from typing import ClassVar, Final

from tests.properties.bank import Bank
from tests.properties.books import Row
from tests.properties.world import World
from webapp.core.errors import (
    LinkNotPayableError,
    NoRoomError,
    NotRefundableError,
    PaymentInFlightError,
    RetriesExhaustedError,
    SessionOverError,
)
from webapp.domain.budget import Budget
from webapp.domain.payments import (
    attempts,
    checkouts,
    expiry,
    sessions,
    sittings,
    starts,
    verification,
)
from webapp.domain.payments.checkouts import Started
from webapp.domain.payments.sittings import Holder
from webapp.extensions import settings

# What people are told when they come at the wrong moment.
NO: Final = (
    LinkNotPayableError,
    NoRoomError,
    NotRefundableError,
    PaymentInFlightError,
    RetriesExhaustedError,
)
# What is said of a sitting between its last moment and the next.
_OVER: Final = (SessionOverError,)


class Sitters:
    """What buyers do at the pages of a link, and what a merchant's program does in their name."""

    world: ClassVar[World]
    # By a link's code and the tab's number.
    tabs: dict[tuple[str, int], str]

    def a_buyer_tries_again(self, which: int, tab: int, death: int | None) -> None:
        code = self._link(which)["code"]
        with self.world.fates.one_dies(death), suppress(*NO):
            starts.again(code, self.tabs.get((code, tab)))

    def a_buyer_gives_up(self, which: int, tab: int, death: int | None) -> None:
        code = self._link(which)["code"]
        with self.world.fates.one_dies(death):
            sittings.leave(code, self.tabs.get((code, tab)))

    def a_buyer_comes_back(self, which: int) -> None:
        attempts.note_return(self._link(which)["id"])

    def a_program_sits_down(self, which: int, tab: int, act: str, death: int | None) -> None:
        code = self._open_link(which)
        with self.world.fates.one_dies(death), suppress(*NO, *_OVER):
            sitting, token = sittings.begin(code, token=self._cookie(code, tab), buyer_email=None)
            self.tabs[code, tab] = token
            match act:
                case "resumes":
                    self._resume(sitting.reference, Holder(token))
                case "completes":
                    sittings.complete(sitting.reference, Holder(token))
                case _:
                    sittings.cancel(sitting.reference, Holder(token))

    def a_start_is_repeated(self, which: int, way: str, times: int, death: int | None) -> None:
        """Press "Pay" where the bank says nothing so many times; a worker asks it again."""
        code = self._open_link(which)
        self.bank.trouble("create", way, times=times)
        with suppress(*NO):
            self._press_pay(code, 0)
        for _ in range(3):
            self.world.times.pass_by(timedelta(seconds=3))
            with self.world.fates.one_dies(death):
                verification.run_due(Budget.of(seconds=60))

    def a_buyer_begins_anew(self, which: int, tab: int, death: int | None) -> None:
        """Press "Pay", come to nothing, have that closed, and press it again in some tab."""
        code = self._open_link(which)
        with suppress(*NO):
            self._press_pay(code, 0)
        self.world.times.pass_by(timedelta(seconds=settings.start_timeout_s + 1))
        with suppress(*NO):
            starts.again(code, self._cookie(code, tab))
        with self.world.fates.one_dies(death):
            expiry.run_due(Budget.of(seconds=60))
        with suppress(*NO):
            self._press_pay(code, tab)

    def _resume(self, reference: str, holder: Holder) -> None:
        """Go on; where that was promised to lead somewhere, it does."""
        before = sittings.get(reference, holder)
        try:
            sittings.resume(reference, holder)
        except NO:
            assert not before.can_resume, before

    def _press_pay(self, code: str, tab: int) -> Started:
        started = checkouts.start(code, token=self._cookie(code, tab), buyer_email=None)
        self.tabs[code, tab] = started.session_token
        return started

    def _cookie(self, code: str, tab: int) -> str:
        """Return a tab's cookie; the page gives one to who has none."""
        return self.tabs.setdefault((code, tab), sessions.new_token(code))

    def _link(self, which: int) -> Row:
        raise NotImplementedError(which)  # the machine that has the links says it

    def _open_link(self, which: int) -> str:
        raise NotImplementedError(which)  # the machine that has the links says it

    bank: Bank
