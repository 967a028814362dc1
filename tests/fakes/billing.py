"""A fake billing service, of the kind that shops run themselves, over WSGI."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from markupsafe import escape
from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Book, Fake, Taken
from webapp.core import clock

BASE: Final = "/billing/api/v1"
_WISH: Final = {
    "reference": str,
    "amount": int,
    "currency": str,
    "description": str,
    "return_url": str,
    "expires_at": str,
}


@dataclass
class Checkout:
    """One checkout, and the order it is for."""

    wish: dict[str, Any]
    status: str | None = "open"
    paid: int | None = None
    # Of what was paid, where it is not that of the wish.
    currency: str | None = None
    paid_at: str | None = None
    checkout_id: str = field(default_factory=lambda: f"co_{secrets.token_hex(10)}")
    order_id: str = field(default_factory=lambda: f"order_{secrets.token_hex(6)}")

    def as_json(self) -> dict[str, Any]:
        """Return it as the service shows it."""
        shown = {
            "checkout_id": self.checkout_id,
            "order_id": self.order_id,
            "reference": self.wish["reference"],
            "status": self.status,
            "amount": self.wish["amount"] if self.paid is None else self.paid,
            "currency": self.currency or self.wish["currency"],
            "paid_at": self.paid_at,
        }
        return {key: value for key, value in shown.items() if value is not None}


class FakeBilling(Fake):
    """One account, which its key alone tells from others.

    Call names for `misbehave`: create, read, cancel.
    """

    ROUTES: ClassVar = {
        "create": ("POST", f"{BASE}/paysession"),
        "read": ("GET", f"{BASE}/paysession/<checkout_id>"),
        "cancel": ("DELETE", f"{BASE}/paysession/<checkout_id>"),
        "page": ("GET", "/pay/<checkout_id>"),
        "press": ("POST", "/pay/<checkout_id>"),
    }
    ACTS: ClassVar = frozenset({"pay", "settle", "decline", "hide", "expire"})

    def __init__(self, *, api_key: str = "the-key-of-the-fake-billing") -> None:
        super().__init__()
        self.checkouts: dict[str, Checkout] = {}
        # Off, it shows a buyer's payment as open until `settle`.
        self.settles_at_once = True
        self.api_key = api_key
        self._made: dict[str, tuple[dict[str, Any], Checkout]] = {}

    # What a buyer, the service or a test does.

    def pay(
        self,
        checkout_id: str,
        *,
        amount: int | None = None,
        currency: str | None = None,
        after_all: bool = False,
    ) -> None:
        """Take the money, or other money; `after_all` also when the checkout is over."""
        checkout = self.checkouts[checkout_id]
        assert after_all or checkout.status in {"open", "failure"}
        checkout.paid = checkout.wish["amount"] if amount is None else amount
        checkout.currency = currency
        if self.settles_at_once:
            self.settle(checkout_id)

    def settle(self, checkout_id: str) -> None:
        """Show what was paid as paid."""
        checkout = self.checkouts[checkout_id]
        assert checkout.paid is not None
        checkout.status, checkout.paid_at = "success", clock.iso(clock.now())

    def decline(self, checkout_id: str) -> None:
        """Let a card be refused."""
        self.checkouts[checkout_id].status = "failure"

    def expire(self, checkout_id: str) -> None:
        """Let the time of a checkout be over."""
        self.checkouts[checkout_id].status = "timeout"

    def hide(self, checkout_id: str, *, behind: str | None = None) -> None:
        """Say nothing of what became of a checkout, or a word that nobody knows."""
        self.checkouts[checkout_id].status = behind

    def books(self) -> list[Book]:
        """Return every checkout with what was paid for it."""
        return [
            Book(
                one.checkout_id,
                one.wish["reference"],
                one.status,
                f"{self.url}/pay/{one.checkout_id}",
                ()
                if one.paid is None
                else (Taken(one.checkout_id, one.paid, one.currency or one.wish["currency"]),),
            )
            for one in self.checkouts.values()
        ]

    # The API.

    def create(self, request: Request) -> Response:
        def do() -> Response:
            wish = request.get_json(silent=True)
            if not isinstance(wish, dict) or not _is_right(wish):
                return _response(422, {"message": "the wish is not understood"})
            key = request.headers.get("Idempotency-Key")
            if not key:
                return _response(400, {"message": "Idempotency-Key is missing"})
            asked, checkout = self._made.setdefault(key, (wish, Checkout(wish)))
            if asked != wish:
                return _response(409, {"message": "the key was used for something else"})
            self.checkouts[checkout.checkout_id] = checkout
            url = f"{self.url}/pay/{checkout.checkout_id}"
            names = {"checkout_id": checkout.checkout_id, "order_id": checkout.order_id}
            more = {"url": url, "status": "open", "expires_at": wish["expires_at"]}
            return _response(201, names | more)

        return self._answer(request, do)

    def read(self, request: Request, checkout_id: str) -> Response:
        def do() -> Response:
            checkout = self.checkouts.get(checkout_id)
            return self.error(404) if checkout is None else _response(200, checkout.as_json())

        return self._answer(request, do)

    def cancel(self, request: Request, checkout_id: str) -> Response:
        def do() -> Response:
            checkout = self.checkouts.get(checkout_id)
            if checkout is None:
                return self.error(404)
            if checkout.paid is not None:
                return _response(409, {"message": "the checkout was paid"})
            checkout.status = "timeout"
            return _response(200, checkout.as_json())

        return self._answer(request, do)

    def error(self, status: int) -> Response:
        """Write an error as the service does."""
        return _response(status, {"message": f"refused with {status}"})

    def _answer(self, request: Request, do: Callable[[], Response]) -> Response:
        return do() if request.headers.get("x-api-key") == self.api_key else self.error(401)

    # The hosted page.

    def page(self, _request: Request, checkout_id: str) -> Response:
        checkout = self.checkouts.get(checkout_id)
        if checkout is None or checkout.status not in {"open", "failure"}:
            return _html("There is nothing to pay here.")
        buttons = "".join(
            f'<button name="do" value="{do}">{do.title()}</button>' for do in ("pay", "decline")
        )
        offer = escape(f"{checkout.wish['amount']} {checkout.wish['currency']} in minor units")
        return _html(f'<p>{offer}</p><form method="post">{buttons}</form>')

    def press(self, request: Request, checkout_id: str) -> Response:
        checkout = self.checkouts.get(checkout_id)
        if checkout is None or checkout.status not in {"open", "failure"}:
            return self.page(request, checkout_id)
        if request.form.get("do") == "pay":
            self.pay(checkout_id)
        else:
            self.decline(checkout_id)
        return Response(status=303, headers={"Location": checkout.wish["return_url"]})


def _is_right(wish: dict[str, Any]) -> bool:
    return (
        set(wish) == set(_WISH)
        and all(type(wish[key]) is kind for key, kind in _WISH.items())
        and wish["amount"] > 0
        and len(wish["currency"]) == 3
        and wish["currency"].isupper()
        and 0 < len(wish["reference"]) <= 64
        and urlsplit(wish["return_url"]).scheme in {"http", "https"}
        and clock.parse(wish["expires_at"]) > clock.now()
    )


def _response(status: int, content: object) -> Response:
    return Response(json.dumps(content), status=status, mimetype="application/json")


def _html(content: str) -> Response:
    return Response(
        '<!doctype html><html lang="en"><title>Billing (fake)</title>'
        f'<link rel="icon" href="data:,"><main>{content}</main>',
        mimetype="text/html",
    )
