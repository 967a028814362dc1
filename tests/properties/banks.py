"""Four of the banks of the histories: the fakes of the providers."""

from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

from tests.fakes.billing import FakeBilling
from tests.fakes.paystack import FakePaystack
from tests.fakes.stripe import FakeStripe
from tests.fakes.sumup import FakeSumUp
from tests.properties.bank import Entry, FakeBank, Opening
from webapp.core.money import Money


class AtSumUp(FakeBank):
    """Errs most: it takes money twice, and takes it back by saying nothing for a while."""

    name = "sumup"
    CALLS: ClassVar = {
        "create": ("create",),
        "read": ("find", "read"),
        "close": ("deactivate",),
        "refund": ("refund", "transaction"),
    }
    fake: FakeSumUp

    def opening(self) -> Opening:
        return Opening(self.fake.merchant_code, False, {"api_key": self.fake.api_key})

    def references(self) -> list[str]:
        return [one.reference for one in list(self.fake.checkouts.values())]

    def ledger(self) -> list[Entry]:
        return [
            Entry(part.id, one.reference, Money(int(part.amount * 100), part.currency))
            for one in list(self.fake.checkouts.values())
            for part in one.tries
            if part.status == "SUCCESSFUL"
        ]

    def sent_back(self) -> dict[str, int]:
        return {
            part.id: int(part.refunded * 100)
            for one in list(self.fake.checkouts.values())
            for part in one.tries
        }

    def is_over(self, reference: str) -> bool:
        one = self._one(reference)
        return bool(one.page_is_over) or one.status not in {"PENDING", "FAILED"}

    def charge(self, reference: str, difference: int) -> None:
        one = self._one(reference)
        amount = str(one.amount + Decimal(difference) / 100)
        self.fake.pay(one.id, amount=amount, after_all=True)

    def decline(self, reference: str) -> None:
        if not self.is_over(reference):
            self.fake.decline(self._one(reference).id)

    def end(self, reference: str) -> None:
        if self._one(reference).status != "PAID":
            self.fake.expire(self._one(reference).id)

    def puzzle(self, reference: str) -> None:
        if self.is_over(reference):
            self.fake.lag(self._one(reference).id, reads=2)
        else:
            self.fake.authorise(self._one(reference).id)

    def recover(self) -> None:
        super().recover()
        for one in list(self.fake.checkouts.values()):
            one.lagging_reads = 0
            one.tries = [part for part in one.tries if part.status != "PENDING"]

    def can_charge_again(self, reference: str) -> bool:
        return bool(self._one(reference).status == "PAID")

    def _one(self, reference: str) -> Any:
        known = list(self.fake.checkouts.values())
        return next(one for one in known if one.reference == reference)


class AtPaystack(FakeBank):
    """Closes nothing, and knows no end."""

    name = "paystack"
    money = Money(250_000, "NGN")
    CALLS: ClassVar = {
        "create": ("initialize",),
        "read": ("verify",),
        "refund": ("refund", "refunds"),
    }
    fake: FakePaystack

    def opening(self) -> Opening:
        return Opening("412829", False, {"api_key": self.fake.api_key})

    def listen(self, notice_url: str) -> None:
        self.fake.webhook_url = notice_url

    def references(self) -> list[str]:
        return list(self.fake.transactions)

    def ledger(self) -> list[Entry]:
        return [
            Entry(str(one.id), one.reference, Money(one.amount, one.currency))
            for one in list(self.fake.transactions.values())
            if one.paid_at is not None
        ]

    def sent_back(self) -> dict[str, int]:
        gone: Counter[str] = Counter()
        for refund in list(self.fake.all_refunds):
            gone[str(refund.transaction)] += refund.amount if refund.status != "failed" else 0
        return gone

    def is_over(self, reference: str) -> bool:
        return reference in self.taken

    def charge(self, reference: str, difference: int) -> None:
        # More than was asked for is a fee, and none of our business.
        asked = self.fake.transactions[reference].requested
        self.fake.pay(reference, amount=asked - abs(difference))

    def decline(self, reference: str) -> None:
        if not self.is_over(reference):
            self.fake.decline(reference)

    def end(self, reference: str) -> None:
        pass

    def puzzle(self, reference: str) -> None:
        if self.is_over(reference):
            self.fake.lag(reference, reads=2)
        else:
            self.fake.show(reference, status="ongoing")

    def trouble(self, call: str, way: str, *, times: int) -> None:
        if call in self.CALLS:
            super().trouble(call, way, times=times)

    def recover(self) -> None:
        super().recover()
        for one in list(self.fake.transactions.values()):
            one.lagging_reads = 0
            if one.status == "ongoing":
                one.status = "abandoned"
            if self.sent_back().get(str(one.id)):
                self.fake.move_refunds(one.reference, status="processed")
                one.status = "reversed" if self._is_all_back(one) else "success"

    def _is_all_back(self, one: Any) -> bool:
        return self.sent_back()[str(one.id)] == int(one.amount)


class AtStripe(FakeBank):
    """Makes the same session of the same request, and finds none by our reference."""

    name = "stripe"
    reads_by_reference = False
    CALLS: ClassVar = {
        "create": ("create",),
        "read": ("read",),
        "close": ("expire_session",),
        "refund": ("refund", "refunds"),
    }
    fake: FakeStripe

    def opening(self) -> Opening:
        secrets = {"api_key": self.fake.api_key, "notice_secret": self.fake.secrets[-1]}
        return Opening(self.fake.account, False, secrets)

    def listen(self, notice_url: str) -> None:
        self.fake.endpoint = notice_url

    def references(self) -> list[str]:
        return [one.form["client_reference_id"] for one in list(self.fake.sessions_made.values())]

    def ledger(self) -> list[Entry]:
        return [
            Entry(
                one.intent.id,
                one.form["client_reference_id"],
                Money(one.intent.charge.amount, one.intent.charge.currency.upper()),
            )
            for one in list(self.fake.sessions_made.values())
            if one.intent is not None and one.intent.charge is not None
        ]

    def sent_back(self) -> dict[str, int]:
        gone: Counter[str] = Counter()
        for refund in list(self.fake.refunds_made):
            gone[refund.payment_intent] += refund.amount
        return gone

    def is_over(self, reference: str) -> bool:
        one = self._one(reference)
        return one.status != "open" or bool(one.expires_at <= self.fake._now())

    def charge(self, reference: str, difference: int) -> None:
        one = self._one(reference)
        if one.status == "complete":
            return
        self.fake.pay(one.id, amount=one.amount_total + difference, after_all=True)

    def decline(self, reference: str) -> None:
        if not self.is_over(reference):
            self.fake.decline(self._one(reference).id)

    def end(self, reference: str) -> None:
        if self._one(reference).status == "open":
            self.fake.expire(self._one(reference).id)

    def puzzle(self, reference: str) -> None:
        """Take the money, and not know yet whether it came."""
        if not self.is_over(reference):
            self.fake.hold(self._one(reference).id)

    def recover(self) -> None:
        super().recover()
        for one in list(self.fake.sessions_made.values()):
            if one.status == "complete" and one.payment_status == "unpaid":
                self.fake.fail(one.id)

    def pay(self, reference: str, difference: int = 0) -> None:
        # One whose money is on its way can be paid no second time.
        if self._one(reference).status != "complete":
            super().pay(reference, difference)

    def _one(self, reference: str) -> Any:
        known = list(self.fake.sessions_made.values())
        return next(one for one in known if one.form["client_reference_id"] == reference)


class AtBilling(FakeBank):
    """Tells nobody anything, and finds nothing by our reference."""

    name = "billing"
    reads_by_reference = False
    CALLS: ClassVar = {"create": ("create",), "read": ("read",), "close": ("cancel",)}
    fake: FakeBilling

    def opening(self) -> Opening:
        return Opening("billing", True, {"api_key": self.fake.api_key})

    def references(self) -> list[str]:
        return [one.wish["reference"] for one in list(self.fake.checkouts.values())]

    def ledger(self) -> list[Entry]:
        return [
            Entry(one.checkout_id, one.wish["reference"], Money(one.paid, one.wish["currency"]))
            for one in list(self.fake.checkouts.values())
            if one.paid is not None
        ]

    def sent_back(self) -> dict[str, int]:
        return {}

    def is_over(self, reference: str) -> bool:
        return self._one(reference).status == "timeout" or reference in self.taken

    def charge(self, reference: str, difference: int) -> None:
        one = self._one(reference)
        amount = one.wish["amount"] + difference
        self.fake.pay(one.checkout_id, amount=amount, after_all=True)

    def decline(self, reference: str) -> None:
        if not self.is_over(reference):
            self.fake.decline(self._one(reference).checkout_id)

    def end(self, reference: str) -> None:
        if not self.is_over(reference):
            self.fake.expire(self._one(reference).checkout_id)

    def puzzle(self, reference: str) -> None:
        """Say a word that nobody knows."""
        one = self._one(reference)
        if one.status != "timeout":
            self.fake.hide(one.checkout_id, behind="under review")

    def recover(self) -> None:
        super().recover()
        for one in list(self.fake.checkouts.values()):
            if one.status == "under review":
                one.status = "open" if one.paid is None else "success"

    def _one(self, reference: str) -> Any:
        known = list(self.fake.checkouts.values())
        return next(one for one in known if one.wish["reference"] == reference)
