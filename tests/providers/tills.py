"""A shop with an account at a provider, from Pay to tickets: real rows, the provider over HTTP.

A till does what buyers and workers do, moves the clocks, and looks into both sides' books.
"""

# ruff: noqa: ARG002  # a lever that is not there takes no notice of its arguments

from abc import ABC, abstractmethod
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from tests.conftest import Configure
from tests.factories import Factories, everything, fresh
from tests.sandbox.process import eventually
from webapp.core import clock
from webapp.core.money import Money
from webapp.core.states import MAY_HOLD_MONEY, AttemptState, AttentionState, LinkState
from webapp.domain.budget import Budget
from webapp.domain.desk import merchants
from webapp.domain.payments import (
    accounts,
    audit,
    checkouts,
    closing,
    closing_rounds,
    expiry,
    refund_rounds,
    refunds,
    reversal_rounds,
    verification,
)
from webapp.domain.transaction import lock, transaction
from webapp.extensions import db, settings
from webapp.models import (
    AttentionItem,
    Capture,
    EmailMessage,
    PaymentAttempt,
    PaymentLink,
    ProviderAccount,
    Refund,
    Ticket,
)

AGO = timedelta(hours=1)
TICKETS = 2
_ROUNDS = 8


class NotThereError(Exception):
    """This provider has no such switch: what it stands for cannot happen there."""


class Till(ABC):
    """One merchant, one account, and the levers of the provider behind it.

    A lever that is not overridden is not there.
    """

    provider: ClassVar[str]
    money: ClassVar[Money]
    sends_notices: ClassVar[bool] = True
    refunds_money: ClassVar[bool] = True

    def __init__(self, make: Factories, configure: Configure, site: str) -> None:
        self.make = make
        self.configure = configure
        configure(base_url=site, **self.settings())
        self.account = self.connect()

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return where the provider is."""

    @abstractmethod
    def connect(self) -> ProviderAccount:
        """Make a merchant of our own with an account there."""

    def merchant_with(self, name: str, **secrets: str) -> ProviderAccount:
        """Make the merchant of all that follows, paid to this account."""
        merchant = merchants.make(f"at-{self.provider}", "The Shop", support_email=None)
        self.make._merchant = merchant
        with transaction():
            return accounts.connect(merchant, self.provider, name, is_live=False, secrets=secrets)

    # What buyers do.

    def link(self) -> PaymentLink:
        """Put up a link for two tickets."""
        return self.make.link(money=self.money, ticket_count=TICKETS)

    def start(self, link: PaymentLink | None = None) -> PaymentAttempt:
        """Press "Pay" in a browser without a cookie."""
        link = link or self.link()
        started = checkouts.start(link.code, token=None, buyer_email=None)
        query = select(PaymentAttempt).where(PaymentAttempt.reference == started.attempt_reference)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    def reach(self, link: PaymentLink) -> PaymentAttempt:
        """Return the attempt that the buyer can pay now: the one under way, or another one.

        One that takes the place of a checkout whose address was lost is asked for by the worker.
        """
        if any(attempt.state is AttemptState.CREATED for attempt in everything(PaymentAttempt)):
            self.configure(start_pause_s=0.01)
            for _ in range(_ROUNDS):
                self.sweep()
        for attempt in everything(PaymentAttempt):
            if attempt.link_id == link.id and attempt.state in MAY_HOLD_MONEY:
                assert attempt.checkout_url is not None
                return attempt
        return self.start(link)

    def try_again(self, link: PaymentLink) -> PaymentAttempt:
        """Press "Try again" while a payment is under way, and pay by another checkout."""
        with transaction():
            closing.mark(lock(PaymentLink, PaymentLink.id == link.id), closing.RETRY, actor="buyer")
        self.close(link)
        return self.start(fresh(link))

    @abstractmethod
    def pay(self, attempt: PaymentAttempt) -> None:
        """Pay what was asked for."""

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        """Pay another amount."""
        raise NotThereError

    def pay_foreign(self, attempt: PaymentAttempt) -> None:
        """Pay in another currency."""
        raise NotThereError

    def pay_again(self, attempt: PaymentAttempt) -> None:
        """Pay a second time on the same checkout."""
        raise NotThereError

    def decline(self, attempt: PaymentAttempt) -> None:
        """Have the card refused."""
        raise NotThereError

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        """Begin a payment that the provider has not decided."""
        raise NotThereError

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        """Have it decided: paid."""
        raise NotThereError

    def pay_and_lag(self, attempt: PaymentAttempt) -> None:
        """Pay, and be back before the provider says so at the next read."""
        raise NotThereError

    def mean_to_pay_late(self, attempt: PaymentAttempt) -> None:  # noqa: B027  # mostly nothing
        """Prepare for `pay_late`, where that has to be done before the checkout has ended."""

    def pay_late(self, attempt: PaymentAttempt) -> None:
        """Pay although the checkout has ended."""
        raise NotThereError

    # What the provider does.

    def fault(self, call: str, way: str, *, times: int = 1, seconds: float = 0) -> None:
        """Let the next calls of a kind go wrong: `create`, `read` or `refund`."""
        raise NotThereError

    def repeat_an_error(self) -> None:
        """Make the next checkout and answer with an error, whenever it is asked for again."""
        raise NotThereError

    def notices(self, manner: str, *, seconds: float = 0) -> None:
        """Say how the next notice goes: `drop`, `twice`, `late` or `after_next`."""
        raise NotThereError

    def hear(self) -> None:  # noqa: B027  # nothing where none are sent
        """Wait until the notices are brought."""

    def hurry(self) -> None:  # noqa: B027  # nothing is late
        """Bring what is late now."""

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        """Let the next read be about another `account`, `reference` or `mode`."""
        raise NotThereError

    def revoke(self) -> None:
        """Take our key no more."""
        raise NotThereError

    def send_back(self, attempt: PaymentAttempt) -> None:
        """Refund at the provider, by hand."""
        raise NotThereError

    def process_refunds(self, attempt: PaymentAttempt) -> None:  # noqa: B027  # mostly nothing
        """Go on with the refunds that the provider has taken on."""

    def fail_refunds(self) -> None:
        """Let refunds fail after they were taken on."""
        raise NotThereError

    def dispute(self, attempt: PaymentAttempt) -> None:
        """Let the buyer's bank ask for the money."""
        raise NotThereError

    @abstractmethod
    def taken(self) -> list[Money]:
        """Return all money that the provider took, by its own books."""

    # What workers and time do.

    def check(self) -> None:
        """Verify what is due. A row that a notice holds just then is read when we look again."""
        eventually(self._has_checked)

    def sweep(self) -> None:
        """Let everything that is watched be due, and run what the sweeps run."""
        self._shift(PaymentAttempt.next_check_at)
        self.check()
        self._shift(Capture.next_look_at)
        reversal_rounds.run_due(Budget.of(seconds=30))

    def end(self, link: PaymentLink) -> None:
        """Let the link's end pass, and the sweep do what it does until it has ended."""
        self.make.overdue(link)
        expiry.run_due(Budget.of(seconds=30))
        self.close(link)
        assert fresh(link).state is not LinkState.OPEN

    def close(self, link: PaymentLink) -> None:
        """Take the steps of a closing, as many as there may be."""
        for _ in range(settings.closing_tries):
            if fresh(link).closing_for is None:
                return
            self.make.change(link, closing_due_at=clock.now() - AGO)
            closing_rounds.run_due(Budget.of(seconds=30, rows=1))
        assert fresh(link).closing_for is None

    def age(self, attempt: PaymentAttempt, seconds: float) -> None:
        """Let an attempt have been begun so much earlier."""
        self.make.change(attempt, created_at=attempt.created_at - timedelta(seconds=seconds))

    def refund(self, payment: Capture) -> None:
        """Ask that a payment be sent back, and let an hour pass in which workers see to it."""
        refund = refunds.request(
            self.make.shop,
            payment.link.code,
            reason="wished for",
            actor="test",
            payment=payment.payment_reference,
        )
        for _ in range(_ROUNDS):
            self._shift(Refund.next_step_at)
            refund_rounds.run_due(Budget.of(seconds=30))
            if fresh(refund).asked_at is not None:
                self.make.change(refund, asked_at=clock.now() - AGO)
            self.process_refunds(payment.attempt)

    def _has_checked(self) -> bool:
        verification.run_due(Budget.of(seconds=30))
        due = PaymentAttempt.next_check_at <= func.now()
        query = select(PaymentAttempt.id).where(due, PaymentAttempt.watch_until > func.now())
        return db.session.scalar(query.limit(1)) is None

    def _shift(self, due: InstrumentedAttribute[Any]) -> None:
        with transaction():
            db.session.execute(update(due.class_).where(due.is_not(None)).values({due: func.now()}))

    # What became of it.

    def ending(self) -> str:
        """Say how all of it has ended, after the books of both sides were compared."""
        ours = Counter(capture.money for capture in everything(Capture))
        kinds = {
            item.kind for item in everything(AttentionItem) if item.state is AttentionState.OPEN
        }
        # Money that cannot be booked as ours, because nobody can read of it or it is not ours.
        is_beyond_us = not ours and kinds & {"mismatch", "unverified"}
        assert is_beyond_us or ours == Counter(self.taken())
        report = audit.run()
        assert report.is_clean, report.findings
        states = {link.state for link in everything(PaymentLink)}
        assert len(states) == 1, states
        return self._told(states.pop(), sorted(kinds))

    def _told(self, state: LinkState, kinds: list[str]) -> str:
        links, tickets = everything(PaymentLink), everything(Ticket)
        words = []
        if state is LinkState.PAID:
            assert len(tickets) == TICKETS * len(links)
            assert len(everything(EmailMessage)) == len(links)
            words.append("tickets")
        elif state is LinkState.REFUNDED:
            words.append("refund")
        else:
            assert tickets == []
            if not self.taken():
                words.append(f"nothing was taken: {state.lower()}")
        words += [f"attention: {kind}" for kind in kinds]
        assert words, "money was taken, and came to no end"
        return ", ".join(words)
