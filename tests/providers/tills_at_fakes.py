"""The tills at the four fakes, each with the levers of its provider's own dialect."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from tests.conftest import Configure
from tests.factories import Factories
from tests.fakes.billing import BASE, FakeBilling
from tests.fakes.faults import Fake
from tests.fakes.paystack import FakePaystack
from tests.fakes.serving import served
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.providers.tills import NotThereError, Till
from webapp.core.money import Money
from webapp.domain.payments import accounts
from webapp.models import PaymentAttempt, ProviderAccount
from webapp.providers import http

AnyFake = TypeVar("AnyFake", bound=Fake)


class FakeTill(Till, Generic[AnyFake]):
    """What all fakes have in common."""

    calls: ClassVar[Mapping[str, str]]
    fake: AnyFake

    def __init__(self, fake: AnyFake, make: Factories, configure: Configure, site: str) -> None:
        self.fake = fake
        super().__init__(make, configure, site)

    @classmethod
    @abstractmethod
    def new_fake(cls) -> AnyFake:
        """Return a fake without a server."""

    @classmethod
    @contextmanager
    def opened(cls, make: Factories, configure: Configure, site: str) -> Iterator["Till"]:
        """Serve a fake of its own for the block; yield the till at it."""
        fake = cls.new_fake()
        with served(fake) as fake.url:
            yield cls(fake, make, configure, site)
            fake.close()
        http.close()

    def fault(self, call: str, way: str, *, times: int = 1, seconds: float = 0) -> None:
        if call not in self.calls:
            raise NotThereError
        self.fake.misbehave(self.calls[call], way, times=times, seconds=seconds)

    def notices(self, manner: str, *, seconds: float = 0) -> None:
        if not self.sends_notices:
            raise NotThereError
        self.fake.courier.next(manner, seconds=seconds)

    def hurry(self) -> None:
        self.fake.courier.hurry()

    def hear(self) -> None:
        self.fake.courier.wait()
        assert set(self.fake.courier.statuses) <= {204}

    def taken(self) -> list[Money]:
        return [
            Money(taken.minor, taken.currency) for book in self.fake.books() for taken in book.taken
        ]

    def named(self, attempt: PaymentAttempt) -> str:
        """Return the checkout's id at the provider, whether we know it or not."""
        (name,) = (
            book.checkout_id for book in self.fake.books() if book.reference == attempt.reference
        )
        return name


class SumUpTill(FakeTill[FakeSumUp]):
    provider = "sumup"
    money = Money(2500, "EUR")
    calls: ClassVar = {"create": "create", "read": "read", "refund": "refund"}

    @classmethod
    def new_fake(cls) -> FakeSumUp:
        return FakeSumUp()

    def settings(self) -> dict[str, Any]:
        return {"sumup_url": self.fake.url}

    def connect(self) -> ProviderAccount:
        return self.merchant_with(self.fake.merchant_code, api_key=self.fake.api_key)

    def revoke(self) -> None:
        self.fake.api_key = "another"

    def pay(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt))

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), amount="24.99")

    def pay_foreign(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), currency="SEK")

    def pay_again(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), after_all=True)

    def decline(self, attempt: PaymentAttempt) -> None:
        self.fake.decline(self.named(attempt))

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.authorise(self.named(attempt))

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), after_all=True)

    def pay_and_lag(self, attempt: PaymentAttempt) -> None:
        self.pay(attempt)
        self.fake.lag(self.named(attempt), reads=1)

    def pay_late(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), after_all=True)

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        match what:
            case "account":
                self.fake.merchant_code = "MCOTHER1"
            case "reference":
                self.fake.checkouts[self.named(attempt)].reference = "att-of-somebody-else"
            case _:
                raise NotThereError  # SumUp names no mode

    def send_back(self, attempt: PaymentAttempt) -> None:
        self.fake.send_back(self.named(attempt))


class PaystackTill(FakeTill[FakePaystack]):
    provider = "paystack"
    money = Money(250_000, "NGN")
    calls: ClassVar = {"create": "initialize", "read": "verify", "refund": "refund"}
    _refunds_end = "processed"

    @classmethod
    def new_fake(cls) -> FakePaystack:
        return FakePaystack()

    def settings(self) -> dict[str, Any]:
        return {"paystack_url": self.fake.url}

    def connect(self) -> ProviderAccount:
        account = self.merchant_with("412829", api_key=self.fake.api_key)
        self.fake.webhook_url = accounts.notice_url(account)
        return account

    def revoke(self) -> None:
        self.fake.api_key = "another"

    def pay(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(attempt.reference)

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(attempt.reference, amount=249_900)

    def pay_foreign(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(attempt.reference, currency="GHS")

    def decline(self, attempt: PaymentAttempt) -> None:
        self.fake.decline(attempt.reference)

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.show(attempt.reference, status="ongoing")

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(attempt.reference)

    def pay_and_lag(self, attempt: PaymentAttempt) -> None:
        self.pay(attempt)
        self.fake.lag(attempt.reference, reads=1)

    def pay_late(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(attempt.reference)

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        match what:
            case "reference":
                self.fake.transactions[attempt.reference].reference = "att-of-somebody-else"
            case "mode":
                self.fake.mode = "live"
            case _:
                raise NotThereError  # Paystack names no account

    def send_back(self, attempt: PaymentAttempt) -> None:
        self.fake.send_back(attempt.reference)

    def process_refunds(self, attempt: PaymentAttempt) -> None:
        transaction = self.fake.transactions[attempt.reference]
        if any(one.transaction == transaction.id for one in self.fake.all_refunds):
            self.fake.move_refunds(attempt.reference, status=self._refunds_end)
            self.hear()

    def fail_refunds(self) -> None:
        self._refunds_end = "failed"


class StripeTill(FakeTill[FakeStripe]):
    provider = "stripe"
    money = Money(2500, "EUR")
    calls: ClassVar = {"create": "create", "read": "read", "refund": "refund"}

    @classmethod
    def new_fake(cls) -> FakeStripe:
        return FakeStripe()

    def settings(self) -> dict[str, Any]:
        return {"stripe_url": self.fake.url}

    def connect(self) -> ProviderAccount:
        secrets = {"api_key": self.fake.api_key, "notice_secret": self.fake.secrets[-1]}
        account = self.merchant_with(self.fake.account, **secrets)
        self.fake.endpoint = accounts.notice_url(account)
        return account

    def revoke(self) -> None:
        self.fake.api_key = "another"

    def pay(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt))

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), amount=2499)

    def pay_foreign(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), currency="SEK")

    def decline(self, attempt: PaymentAttempt) -> None:
        self.fake.decline(self.named(attempt))

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.hold(self.named(attempt))

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.settle(self.named(attempt))

    def pay_late(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), after_all=True)

    def repeat_an_error(self) -> None:
        self.fake.crash_next_create()

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        session = self.fake.sessions_made[self.named(attempt)]
        match what:
            case "account":
                session.form = {**session.form, "metadata[account]": "acct_1Other"}
            case "reference":
                session.form = {**session.form, "client_reference_id": "att-of-somebody-else"}
            case _:
                session.livemode = True

    def send_back(self, attempt: PaymentAttempt) -> None:
        self.fake.send_back(self.named(attempt), amount=self.money.minor)

    def process_refunds(self, attempt: PaymentAttempt) -> None:
        payment = self.fake.sessions_made[self.named(attempt)].begun()
        for refund in self.fake.refunds_made:
            if (refund.payment_intent, refund.status) == (payment.id, "pending"):
                refund.status = "failed"
                assert payment.charge is not None
                payment.charge.amount_refunded -= refund.amount

    def fail_refunds(self) -> None:
        self.fake.refund_status = "pending"

    def dispute(self, attempt: PaymentAttempt) -> None:
        self.fake.dispute(self.named(attempt))


class BillingTill(FakeTill[FakeBilling]):
    provider = "billing"
    money = Money(2500, "EUR")
    sends_notices = False
    refunds_money = False
    calls: ClassVar = {"create": "create", "read": "read"}

    @classmethod
    def new_fake(cls) -> FakeBilling:
        return FakeBilling()

    def settings(self) -> dict[str, Any]:
        return {"billing_base_url": f"{self.fake.url}{BASE}", "apikey": self.fake.api_key}

    def connect(self) -> ProviderAccount:
        return self.merchant_with("billing")

    def revoke(self) -> None:
        self.fake.api_key = "another"

    def pay(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt))

    def pay_wrong(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), amount=2499)

    def pay_foreign(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), currency="SEK")

    def decline(self, attempt: PaymentAttempt) -> None:
        self.fake.decline(self.named(attempt))

    def begin_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.settles_at_once = False
        self.fake.pay(self.named(attempt))

    def finish_paying(self, attempt: PaymentAttempt) -> None:
        self.fake.settle(self.named(attempt))

    def pay_late(self, attempt: PaymentAttempt) -> None:
        self.fake.pay(self.named(attempt), after_all=True)

    def answer_for(self, attempt: PaymentAttempt, what: str) -> None:
        if what != "reference":
            raise NotThereError  # the service names neither
        checkout = self.fake.checkouts[self.named(attempt)]
        checkout.wish = {**checkout.wish, "reference": "att-of-somebody-else"}
