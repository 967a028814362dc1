"""The fifth bank of the histories: the sandbox itself, with its books in memory."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.properties.bank import Bank, Entry, Letter, Opening
from tests.properties.times import now_s
from tests.sandbox.process import SECRET
from webapp.core import references
from webapp.core.money import Money
from webapp.core.sandbox_keys import account_keys
from webapp.sandbox import checkouts, faults, notices
from webapp.sandbox.bank import Bank as SandboxBank
from webapp.sandbox.clockwork import Clockwork
from webapp.sandbox.faults import FaultKind
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.store import Store
from webapp.sandbox.values import Checkout, Status

_KINDS: Final = {
    "create": {
        "cut": FaultKind.CREATE_NEVER,
        "lost": FaultKind.CREATE_LOST,
        "refused": FaultKind.CREATE_REFUSED,
    },
    "read": {
        "unavailable": FaultKind.READ_UNAVAILABLE,
        "malformed": FaultKind.READ_MALFORMED,
        "lost": FaultKind.READ_PROCESSING,
        "crashed": FaultKind.READ_LIVE,
        "busy": FaultKind.READ_OTHER_REFERENCE,
        "odd": FaultKind.READ_OTHER_ACCOUNT,
    },
    "close": {"refused": FaultKind.CLOSE_REFUSED},
    "refund": {
        "cut": FaultKind.REFUND_NEVER,
        "lost": FaultKind.REFUND_LOST,
        "refused": FaultKind.REFUND_REFUSED,
        "unavailable": FaultKind.REFUND_UNAVAILABLE,
    },
}


class AtSandbox(Bank):
    """One account at the pretend bank, whose books lie in memory here."""

    name = "sandbox"

    def __init__(self, bank: SandboxBank) -> None:
        super().__init__()
        self._bank = bank
        self._account = f"sbx-{references.link_code()}"
        self.letters()  # what is left of an earlier account's is nobody's

    def opening(self) -> Opening:
        keys = account_keys(SECRET, self._account)
        secrets = {"api_key": keys.api_key, "notice_secret": keys.notice_secret}
        return Opening(self._account, False, secrets)

    def listen(self, notice_url: str) -> None:
        pass

    def references(self) -> list[str]:
        query = "SELECT reference FROM checkouts WHERE account = ? ORDER BY rowid"
        with self._bank.store.transaction() as books:
            return [row["reference"] for row in books.execute(query, (self._account,))]

    def ledger(self) -> list[Entry]:
        with self._bank.store.transaction() as books:
            return [
                Entry(row["payment_id"], row["reference"], Money(row["amount_minor"], "EUR"))
                for row in checkouts.ledger(books, self._account)
            ]

    def sent_back(self) -> dict[str, int]:
        query = (
            "SELECT payment_id, sum(refunds.amount_minor) AS gone FROM refunds"
            " JOIN payments ON payments.id = payment_id"
            " JOIN checkouts ON checkouts.id = checkout_id"
            " WHERE account = ? GROUP BY payment_id"
        )
        with self._bank.store.transaction() as books:
            return {
                row["payment_id"]: row["gone"] for row in books.execute(query, (self._account,))
            }

    def is_over(self, reference: str) -> bool:
        return self._one(reference).status is not Status.OPEN

    def charge(self, reference: str, difference: int) -> None:
        one, more = self._one(reference), 1 if difference else 0
        with self._bank.store.transaction() as books:
            checkouts.take(books, one, more_major_units=more)
            notices.queue(books, one, delay_s=0)

    def decline(self, reference: str) -> None:
        if not self.is_over(reference):
            with self._bank.store.transaction() as books:
                checkouts.decline(books, self._find(books, reference))
                notices.queue(books, self._find(books, reference), delay_s=0)

    def end(self, reference: str) -> None:
        if not self.is_over(reference):
            with self._bank.store.transaction() as books:
                checkouts.close(books, self._find(books, reference))

    def puzzle(self, reference: str) -> None:
        del reference
        self.trouble("read", "lost", times=2)

    def trouble(self, call: str, way: str, *, times: int) -> None:
        kind = _KINDS[call].get(way)
        if kind is not None:
            with self._bank.store.transaction() as books:
                faults.script(books, self._account, kind, times=times, seconds=0)

    def fail(self, way: str) -> None:
        del way
        with self._bank.store.transaction() as books:
            faults.go_down(books, self._account, 1e9)

    def recover(self) -> None:
        with self._bank.store.transaction() as books:
            faults.go_down(books, self._account, 0)
            books.execute("DELETE FROM faults WHERE account = ?", (self._account,))

    def letters(self) -> list[Letter]:
        with self._bank.store.transaction() as books:
            found = [notices.get(books, one) for one, _ in notices.pending(books, limit=1000)]
            books.execute("DELETE FROM notices")
        return [Letter(one.url, partial(self._signed, one)) for one in found]

    def _signed(self, notice: notices.Notice) -> tuple[dict[str, str], bytes]:
        body, secret = notice.body.encode(), account_keys(SECRET, self._account).notice_secret
        signature = notices.signature(secret, body, int(now_s()))
        return {"Sandbox-Signature": signature}, body

    def _one(self, reference: str) -> Checkout:
        with self._bank.store.transaction() as books:
            return self._find(books, reference)

    def _find(self, books: Any, reference: str) -> Checkout:
        return checkouts.find(books, self._account, reference)


def sandbox(url: str) -> SandboxBank:
    """Return a pretend bank whose books lie in memory, and which does nothing by itself."""
    settings = BankSettings.model_validate(
        {
            "environment": "test",
            "sandbox_url": url,
            "sandbox_secret": SECRET,
            "sandbox_store": Path(":memory:"),
        }
    )
    store = Store(settings.sandbox_store)
    return SandboxBank(settings, store, Clockwork(settings, store))
