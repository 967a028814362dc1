"""A fake Paystack: transactions and refunds in its own dialect, over WSGI."""

import hashlib
import hmac
import json
import re
import secrets
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import escape
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Book, Fake, Taken, json_of
from tests.fakes.paystack_books import Refund, Transaction, html, no, yes
from webapp.core import clock

LEAST: Final = {"GHS": 10, "KES": 300, "NGN": 5000, "USD": 200, "XOF": 100, "ZAR": 100}
_REFERENCE: Final = re.compile(r"[A-Za-z0-9.=-]+")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CALLS: Final = {
    "initialize": ("POST", "/transaction/initialize"),
    "verify": ("GET", "/transaction/verify/<reference>"),
    "refund": ("POST", "/refund"),
    "refunds": ("GET", "/refund"),
    "one_refund": ("GET", "/refund/<int:number>"),
}


class FakePaystack(Fake):
    """One integration in one mode, with the one address for notices that its dashboard holds.

    Call names for `misbehave`: initialize, verify, refund, refunds, one_refund.
    """

    ROUTES: ClassVar = {
        **_CALLS,
        "page": ("GET", "/pay/<access_code>"),
        "press": ("POST", "/pay/<access_code>"),
        "control_webhook": ("POST", "/_control/webhook"),
    }
    ACTS: ClassVar = frozenset({"pay", "decline", "show", "lag", "move_refunds", "send_back"})

    def __init__(self, *, is_live: bool = False, webhook_url: str | None = None) -> None:
        super().__init__()
        self.mode = "live" if is_live else "test"
        self.api_key = f"sk_{self.mode}_{secrets.token_hex(20)}"
        self.webhook_url = webhook_url
        self.currencies = frozenset(LEAST)
        self.transactions: dict[str, Transaction] = {}
        # Paystack's description of its list of refunds knows no question for one transaction's.
        self.lists_all_refunds = False
        self.all_refunds: list[Refund] = []

    # What a buyer, Paystack or a test does.

    def pay(
        self,
        reference: str,
        *,
        amount: int | None = None,
        currency: str | None = None,
        fees: int = 0,
        says_requested: bool = True,
    ) -> None:
        """Charge what was asked for, or another amount; with fees where the buyer bears them."""
        transaction = self.transactions[reference]
        transaction.amount = (transaction.requested if amount is None else amount) + fees
        transaction.currency = currency or transaction.currency
        if not says_requested:
            transaction.requested = 0
        transaction.status, transaction.gateway_response = "success", "Successful"
        transaction.paid_at = clock.now()
        self.tell("charge.success", transaction.as_json(self.mode))

    def decline(self, reference: str) -> None:
        """Let a card be refused. Nobody is told of it."""
        transaction = self.transactions[reference]
        transaction.status, transaction.gateway_response = "failed", "Declined"

    def show(self, reference: str, *, status: str) -> None:
        """Let a transaction have any status."""
        self.transactions[reference].status = status

    def lag(self, reference: str, *, reads: int) -> None:
        """Show the transaction as pending for so many reads, whatever has happened to it."""
        self.transactions[reference].lagging_reads = reads

    def move_refunds(self, reference: str, *, status: str) -> None:
        """Let the refunds of a transaction have another status, and tell of it."""
        transaction = self.transactions[reference]
        for refund in self.all_refunds:
            if refund.transaction == transaction.id:
                refund.status = status
                self.tell(f"refund.{status}", refund.as_event(self.mode, transaction.reference))
        if status == "processed":
            transaction.status = "reversed"

    def send_back(self, reference: str) -> None:
        """Refund by hand in the dashboard."""
        transaction = self.transactions[reference]
        note = f"Refund for transaction {reference}"
        self.all_refunds.append(
            Refund(transaction.id, transaction.amount, transaction.currency, note)
        )
        self.move_refunds(reference, status="processed")

    def books(self) -> list[Book]:
        """Return every transaction with what was charged."""
        return [
            Book(
                one.reference,
                one.reference,
                one.status,
                f"{self.url}/pay/{one.access_code}",
                (Taken(*one.as_minor()),) if one.paid_at is not None else (),
            )
            for one in self.transactions.values()
        ]

    def rotate_key(self) -> str:
        """Give the integration a new secret key; the old one signs and opens nothing any more."""
        self.api_key = f"sk_{self.mode}_{secrets.token_hex(20)}"
        return self.api_key

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Send a notice, signed with the key of the moment it is sent."""
        if self.webhook_url is not None:
            raw = json.dumps({"event": event, "data": data}).encode()
            self.courier.send(self.webhook_url, lambda: (signed(self.api_key, raw), raw))

    # The API.

    def error(self, status: int) -> Response:
        """Write an error as Paystack does."""
        if status == 429:
            return no(429, "Rate limit exceeded!", "rate_limited", "api_error")
        if status == 401:
            return no(401, "Invalid key", "invalid_Key")
        if status == 404:
            return no(404, "Route not found", "unknown")
        kind = "validation_error" if status < 500 else "api_error"
        return no(status, "Something is wrong", "unknown", kind)

    def initialize(self, request: Request) -> Response:
        if not self._knows(request):
            return self.error(401)
        wish = json_of(request)
        reference = str(wish.get("reference") or secrets.token_hex(6))
        flaw = self._flaw(wish, reference)
        if flaw is not None:
            return flaw
        amount = int(wish["amount"])
        if wish["currency"] == "XOF":
            amount -= amount % 100  # a fraction of a franc is ignored
        transaction = Transaction(
            reference=reference,
            email=wish["email"],
            requested=amount,
            amount=amount,
            currency=wish["currency"],
            metadata=wish.get("metadata", ""),
            callback_url=wish.get("callback_url"),
        )
        self.transactions[reference] = transaction
        made = {
            "authorization_url": f"{self.url}/pay/{transaction.access_code}",
            "access_code": transaction.access_code,
            "reference": reference,
        }
        return yes("Authorization URL created", made)

    def verify(self, request: Request, reference: str) -> Response:
        if not self._knows(request):
            return self.error(401)
        transaction = self.transactions.get(reference)
        if transaction is None:
            return no(400, "Transaction reference not found.", "transaction_not_found")
        told = transaction.as_json(self.mode)
        if transaction.lagging_reads > 0:
            transaction.lagging_reads -= 1
            told |= {"status": "pending", "paid_at": None, "paidAt": None}
        return yes("Verification successful", told)

    def refund(self, request: Request) -> Response:
        if not self._knows(request):
            return self.error(401)
        wish = json_of(request)
        transaction = self._named(str(wish.get("transaction", "")))
        if transaction is None:
            return no(404, "Transaction not found", "transaction_not_found")
        parts = [one for one in self.all_refunds if one.transaction == transaction.id]
        left = transaction.amount - sum(one.amount for one in parts if one.status != "failed")
        amount = int(wish.get("amount", left))
        if transaction.status not in {"success", "reversed"}:
            return no(400, "Transaction has not been paid", "invalid_transaction")
        if left == 0:
            return no(400, "Transaction has been fully reversed", "transaction_reversed")
        if not 0 < amount <= left or wish.get("currency", transaction.currency) not in LEAST:
            return no(400, "Refund amount cannot be more than transaction amount", "invalid")
        note = wish.get("merchant_note") or f"Refund for transaction {transaction.reference}"
        refund = Refund(transaction.id, amount, transaction.currency, note)
        self.all_refunds.append(refund)
        self.tell("refund.pending", refund.as_event(self.mode, transaction.reference))
        told = refund.as_json(self.mode) | {
            "transaction": {"id": transaction.id, "reference": transaction.reference}
        }
        return yes("Refund has been queued for processing", told)

    def refunds(self, request: Request) -> Response:
        if not self._knows(request):
            return self.error(401)
        asked = request.args.get("transaction")
        if self.lists_all_refunds:
            asked = None
        found = [one for one in self.all_refunds if asked in {None, str(one.transaction)}]
        size = int(request.args.get("perPage", 50))
        told = [one.as_json(self.mode) for one in reversed(found)][:size]
        return yes("Refunds retrieved", told, {"total": len(found), "perPage": str(size)})

    def one_refund(self, request: Request, number: int) -> Response:
        if not self._knows(request):
            return self.error(401)
        found = next((one for one in self.all_refunds if one.id == number), None)
        return self.error(404) if found is None else yes("ok", found.as_json(self.mode))

    # The hosted page.

    def page(self, _request: Request, access_code: str) -> Response:
        transaction = self._on_page(access_code)
        if transaction is None:
            return html(404, "We could not find this transaction.")
        if transaction.status == "success":
            return html(200, "This transaction has been paid.")
        offer = f"{transaction.currency} {transaction.requested / 100:.2f}"
        choices = ("pay", "decline", "cancel")
        buttons = "".join(f'<button name="do" value="{do}">{do.title()}</button>' for do in choices)
        return html(200, f'{escape(offer)}<form method="post">{buttons}</form>')

    def press(self, request: Request, access_code: str) -> Response:
        transaction = self._on_page(access_code)
        if transaction is None or transaction.status == "success":
            return self.page(request, access_code)
        metadata = transaction.metadata if isinstance(transaction.metadata, dict) else {}
        match request.form.get("do"):
            case "pay":
                self.pay(transaction.reference)
                query = {"trxref": transaction.reference, "reference": transaction.reference}
                back = transaction.callback_url
                if back is None:
                    return self.page(request, access_code)
                return redirect(f"{back}{'&' if '?' in back else '?'}{urlencode(query)}")
            case "cancel" if "cancel_action" in metadata:
                return redirect(metadata["cancel_action"])
            case "decline":
                self.decline(transaction.reference)
        return self.page(request, access_code)

    # The levers, for a browser or another process.

    def control_webhook(self, request: Request) -> Response:
        """`{"url": "http://…"}`: what a merchant types into the dashboard."""
        self.webhook_url = json_of(request)["url"]
        return Response(status=201)

    def _knows(self, request: Request) -> bool:
        return (request.authorization and request.authorization.token) == self.api_key

    def _flaw(self, wish: dict[str, Any], reference: str) -> Response | None:
        amount, currency = wish.get("amount"), wish.get("currency")
        if not isinstance(wish.get("email"), str) or not _EMAIL.fullmatch(wish["email"]):
            return no(400, "Invalid Email Address Passed", "invalid_email_address")
        if not re.fullmatch(r"[0-9]+", str(amount)):
            return no(400, "Invalid Amount Sent", "invalid_amount")
        if currency not in self.currencies:
            return no(403, "Currency not supported by merchant", "unsupported_currency")
        if int(str(amount)) < LEAST[str(currency)]:
            return no(400, "Amount is below the least", "invalid_amount")
        if not _REFERENCE.fullmatch(reference):
            return no(400, "Invalid characters in reference", "invalid_reference")
        if reference in self.transactions:
            return no(400, "Duplicate Transaction Reference", "duplicate_reference")
        return None

    def _named(self, name: str) -> Transaction | None:
        known = self.transactions.values()
        return next((one for one in known if name in {one.reference, str(one.id)}), None)

    def _on_page(self, access_code: str) -> Transaction | None:
        known = self.transactions.values()
        return next((one for one in known if one.access_code == access_code), None)


def signed(key: str, body: bytes) -> dict[str, str]:
    """Return the headers of a notice."""
    mac = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return {"Content-Type": "application/json", "x-paystack-signature": mac}
