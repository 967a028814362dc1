"""A fake SumUp: checkouts, transactions and refunds in its own dialect, over WSGI."""

import hashlib
import hmac
import json
import uuid
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final

from markupsafe import escape
from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Book, Taken, json_of
from tests.fakes.sumup_books import Checkout, Transaction, answered, flaw, problem, stamp
from tests.fakes.sumup_oauth import Organisers
from webapp.core import clock

CURRENCIES: Final = frozenset(
    {"BRL", "CHF", "CLP", "COP", "CZK", "DKK", "EUR", "GBP", "HRK", "HUF", "NOK", "PLN", "RON"}
    | {"SEK", "USD"}
)
LONGEST_REFERENCE: Final = 64
# In the sandbox these never go through.
FAILING: Final = frozenset(map(Decimal, ("11.00", "42.01", "42.76", "42.91")))


class FakeSumUp(Organisers):
    """One merchant's account at SumUp, with an API key and, if one is given, signed events.

    Call names for `misbehave`: create, find, read, deactivate, refund, transaction, token.
    """

    ROUTES: ClassVar = {
        **Organisers.ROUTES,
        "create": ("POST", "/v0.1/checkouts"),
        "find": ("GET", "/v0.1/checkouts"),
        "read": ("GET", "/v0.1/checkouts/<checkout_id>"),
        "deactivate": ("DELETE", "/v0.1/checkouts/<checkout_id>"),
        "refund": ("POST", "/v1.0/merchants/<merchant_code>/payments/<transaction_id>/refunds"),
        "transaction": ("GET", "/v2.1/merchants/<merchant_code>/transactions"),
        "page": ("GET", "/pay/<page>"),
        "press": ("POST", "/pay/<page>"),
    }
    ACTS: ClassVar = frozenset({"pay", "decline", "authorise", "expire", "lag", "send_back"})

    def __init__(self, *, event_secret: str | None = None, events_url: str | None = None) -> None:
        super().__init__()
        self.checkouts: dict[str, Checkout] = {}
        # Whether a search by reference shows the address of the page; SumUp's example does not.
        self.finds_pages = True
        self._event_secret = event_secret
        self._events_url = events_url

    # What the provider, a buyer or a test does.

    def pay(
        self,
        checkout_id: str,
        *,
        amount: str | None = None,
        currency: str | None = None,
        after_all: bool = False,
    ) -> Transaction:
        """Take the money, or other money; `after_all` also when it is over or paid already."""
        checkout = self.checkouts[checkout_id]
        assert after_all or (checkout.status in {"PENDING", "FAILED"} and not checkout.page_is_over)
        money = checkout.amount if amount is None else Decimal(amount)
        transaction = self._try(checkout, money, "SUCCESSFUL", "PAID", currency)
        transaction.note("PAYOUT", money, "SCHEDULED")
        return transaction

    def decline(self, checkout_id: str) -> None:
        """Let a card be refused; the same checkout can be tried again."""
        checkout = self.checkouts[checkout_id]
        self._try(checkout, checkout.amount, "FAILED", "FAILED")

    def authorise(self, checkout_id: str) -> None:
        """Begin a payment that is not decided yet."""
        checkout = self.checkouts[checkout_id]
        checkout.tries.append(Transaction(checkout.amount, checkout.currency, "PENDING"))

    def expire(self, checkout_id: str) -> None:
        """Let the time of a checkout be over."""
        checkout = self.checkouts[checkout_id]
        checkout.status = "EXPIRED"
        self._tell(checkout, "expired")

    def lag(self, checkout_id: str, *, reads: int) -> None:
        """Show the checkout as untouched for so many reads, whatever has happened to it."""
        self.checkouts[checkout_id].lagging_reads = reads

    def send_back(self, checkout_id: str, *, amount: str | None = None) -> None:
        """Refund by hand in the dashboard; the checkout goes on saying that it was paid."""
        paying = self.checkouts[checkout_id].paying
        assert paying is not None
        paying.note("REFUND", paying.amount if amount is None else Decimal(amount), "REFUNDED")

    def books(self) -> list[Book]:
        """Return every checkout with the transactions that went through."""
        return [
            Book(
                one.id,
                one.reference,
                one.status,
                f"{self.url}/pay/{one.page}",
                tuple(Taken(*paid.as_minor()) for paid in one.tries if paid.status == "SUCCESSFUL"),
            )
            for one in self.checkouts.values()
        ]

    # The API.

    def create(self, request: Request) -> Response:
        denied = self.denied(request, "payments")
        if denied is not None:
            return denied
        wish = request.get_json(silent=True)
        if not isinstance(wish, dict):
            return problem(400, "bad-request", "Bad Request", "The body is no JSON object")
        needed = ("checkout_reference", "amount", "currency", "merchant_code")
        flaws = [flaw(name, "MISSING") for name in needed if wish.get(name) is None]
        flaws = flaws or [flaw(name) for name in self._wrong(wish)]
        if flaws:
            return answered(400, flaws[0] if len(flaws) == 1 else flaws)
        if wish["merchant_code"] != self.merchant_code:
            return answered(
                403,
                {
                    "error_message": "checkout_payments_not_allowed",
                    "error_code": "FORBIDDEN",
                    "status_code": "403",
                },
            )
        reference = wish["checkout_reference"]
        if any(known.reference == reference for known in self.checkouts.values()):
            words = "Checkout with this checkout reference and pay to email already exists"
            return answered(409, {"error_code": "DUPLICATED_CHECKOUT", "message": words})
        checkout = Checkout(
            reference=reference,
            amount=Decimal(str(wish["amount"])),
            currency=wish["currency"],
            wish=wish,
            valid_until=_moment(wish.get("valid_until")),
        )
        self.checkouts[checkout.id] = checkout
        self._tell(checkout, "created")
        return self._shown(checkout, 201)

    def find(self, request: Request) -> Response:
        denied = self.denied(request, "payments")
        if denied is not None:
            return denied
        reference = request.args.get("checkout_reference")
        found = [one for one in self.checkouts.values() if reference in {None, one.reference}]
        return answered(
            200,
            [
                one.as_json(self.merchant_code, self._page_url(one) if self.finds_pages else None)
                for one in found
            ],
        )

    def read(self, request: Request, checkout_id: str) -> Response:
        denied = self.denied(request, "payments")
        if denied is not None:
            return denied
        checkout = self.checkouts.get(checkout_id)
        return self.error(404) if checkout is None else self._shown(checkout, 200)

    def deactivate(self, request: Request, checkout_id: str) -> Response:
        denied = self.denied(request, "payments")
        if denied is not None:
            return denied
        checkout = self.checkouts.get(checkout_id)
        if checkout is None:
            return self.error(404)
        if checkout.status == "PAID":
            words = "Checkout is already processed"
            return answered(409, {"error_code": "CHECKOUT_PROCESSED", "message": words})
        if checkout.status == "EXPIRED":
            words = f"The checkout session {checkout_id} is already processed"
            return problem(409, "session-expired", "Conflict", words)
        if any(one.status == "PENDING" for one in checkout.tries):
            words = "A payment authorization is already in progress"
            more = {"error_code": "CHECKOUT_CANT_BE_DEACTIVATED", "message": words}
            return problem(409, "session-cant-be-deactivated", "Conflict", words, **more)
        checkout.status = "EXPIRED"
        return self._shown(checkout, 200)

    def refund(self, request: Request, merchant_code: str, transaction_id: str) -> Response:
        denied = self.denied(request, "payments")
        if denied is not None:
            return denied
        transaction = self._transaction(transaction_id)
        if transaction is None or merchant_code != self.merchant_code:
            return problem(404, "not-found", "Not Found", "Transaction not found")
        left = transaction.amount - transaction.refunded
        if transaction.status != "SUCCESSFUL" or left == 0:
            words = "The transaction is not refundable in its current state"
            return problem(409, "conflict", "Conflict", words)
        asked = json_of(request).get("amount", left) if request.data else left
        if not _is_money(asked) or Decimal(str(asked)) <= 0:
            return problem(400, "bad-request", "Bad Request", "amount must be greater than zero")
        if Decimal(str(asked)) > left:
            errors = [{"code": "INVALID_AMOUNT", "detail": "Amount exceeds the refundable amount"}]
            words = "Refund failed."
            return problem(
                422, "unprocessable-entity", "Unprocessable Entity", words, errors=errors
            )
        transaction.note("REFUND", Decimal(str(asked)), "REFUNDED")
        return answered(201, {})

    def transaction(self, request: Request, merchant_code: str) -> Response:
        denied = self.denied(request, "transactions.history")
        if denied is not None:
            return denied
        transaction = self._transaction(request.args.get("id", ""))
        if transaction is None or merchant_code != self.merchant_code:
            return self.error(404)
        told = transaction.as_json(self.merchant_code)
        return answered(
            200, told | {"simple_status": "SUCCESSFUL", "transaction_events": transaction.events}
        )

    # The hosted page.

    def page(self, _request: Request, page: str) -> Response:
        checkout = self._on_page(page)
        if checkout is None or checkout.page_is_over:
            return _html(404, "This payment page has expired or was not found.")
        if checkout.status == "PAID":
            # Only here does a buyer find the way back, and only by their own press.
            back = escape(checkout.wish.get("redirect_url") or "")
            return _html(200, f'Thank you. <a href="{back}">Back to the shop</a>')
        offer = f"{checkout.amount} {checkout.currency}"
        buttons = "".join(
            f'<button name="do" value="{do}">{do.title()}</button>' for do in ("pay", "decline")
        )
        return _html(200, f'{escape(offer)}<form method="post">{buttons}</form>')

    def press(self, request: Request, page: str) -> Response:
        checkout = self._on_page(page)
        if checkout is None or checkout.page_is_over or checkout.status == "PAID":
            return self.page(request, page)
        if request.form.get("do") == "pay" and checkout.amount not in FAILING:
            self.pay(checkout.id)
        else:
            self.decline(checkout.id)
        return self.page(request, page)

    def _wrong(self, wish: dict[str, Any]) -> list[str]:
        amount, currency = wish["amount"], wish["currency"]
        until = wish.get("valid_until")
        reference = wish["checkout_reference"]
        checks = {
            "checkout_reference": isinstance(reference, str)
            and 0 < len(reference) <= LONGEST_REFERENCE,
            "amount": _is_money(amount) and Decimal(str(amount)) > 0,
            "currency": currency in CURRENCIES and currency == self.currency,
            "valid_until": until is None or (_moment(until) or clock.now()) > clock.now(),
        }
        return [name for name, is_right in checks.items() if not is_right]

    def _try(
        self,
        checkout: Checkout,
        amount: Decimal,
        status: str,
        checkout_status: str,
        currency: str | None = None,
    ) -> Transaction:
        transaction = Transaction(amount, currency or checkout.currency, status)
        with self.lock:
            checkout.tries = [one for one in checkout.tries if one.status != "PENDING"]
            checkout.tries.append(transaction)
            checkout.status = checkout_status
        self._tell(checkout, checkout_status.lower())
        return transaction

    def _tell(self, checkout: Checkout, what: str) -> None:
        """Send what SumUp sends: the callback at each change, and an event where there is one."""
        url = checkout.wish.get("return_url")
        if url and what != "created":
            body = json.dumps({"event_type": "CHECKOUT_STATUS_CHANGED", "id": checkout.id}).encode()
            self.courier.send(url, lambda: ({"Content-Type": "application/json"}, body))
        if self._events_url and self._event_secret:
            event = {
                "id": f"evt_{uuid.uuid4().hex}",
                "type": f"checkouts.{what}",
                "created_at": stamp(clock.now()),
                "object": {
                    "id": checkout.id,
                    "type": "checkout",
                    "url": f"{self.url}/v0.1/checkouts/{checkout.id}",
                },
            }
            raw, secret = json.dumps(event).encode(), self._event_secret
            self.courier.send(self._events_url, lambda: (signed(secret, raw), raw))

    def _shown(self, checkout: Checkout, status: int) -> Response:
        return answered(status, checkout.as_json(self.merchant_code, self._page_url(checkout)))

    def _page_url(self, checkout: Checkout) -> str | None:
        is_hosted = (checkout.wish.get("hosted_checkout") or {}).get("enabled") is True
        return f"{self.url}/pay/{checkout.page}" if is_hosted else None

    def _on_page(self, page: str) -> Checkout | None:
        return next((one for one in self.checkouts.values() if one.page == page), None)

    def _transaction(self, transaction_id: str) -> Transaction | None:
        tries = [one for checkout in self.checkouts.values() for one in checkout.tries]
        return next((one for one in tries if one.id == transaction_id), None)


def signed(secret: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """Return the headers of a signed event."""
    moment = int((at or clock.now()).timestamp())
    mac = hmac.new(secret.encode(), f"v1:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-SumUp-Webhook-Signature": f"t={moment},v1={mac}",
    }


def _is_money(amount: object) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return False
    try:
        return Decimal(str(amount)) == round(Decimal(str(amount)), 2)
    except InvalidOperation:
        return False


def _moment(text: str | None) -> datetime | None:
    return None if text is None else clock.parse(text)


def _html(status: int, content: str) -> Response:
    head = (
        '<!doctype html><html lang="en"><title>SumUp (fake)</title><link rel="icon" href="data:,">'
    )
    return Response(f"{head}<main><p>{content}</p></main>", status=status, mimetype="text/html")
