"""A fake Stripe: checkout sessions, refunds and signed events in its own dialect, over WSGI."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from markupsafe import escape
from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Book, Taken, json_of
from tests.fakes.stripe_books import Charge, Refund, Session, new_id
from tests.fakes.stripe_forms import CREATE, REFUND, StripeError, check_create, fields, whole
from tests.fakes.stripe_gate import Done, Gate, listed, signed
from webapp.core import clock


class FakeStripe(Gate):
    """One account at Stripe, and those that are connected to it.

    Call names for `misbehave`: create, sessions, read, expire_session, refund, refunds,
    own_account.
    """

    ROUTES: ClassVar = {
        "create": ("POST", "/v1/checkout/sessions"),
        "sessions": ("GET", "/v1/checkout/sessions"),
        "read": ("GET", "/v1/checkout/sessions/<session_id>"),
        "expire_session": ("POST", "/v1/checkout/sessions/<session_id>/expire"),
        "refund": ("POST", "/v1/refunds"),
        "refunds": ("GET", "/v1/refunds"),
        "own_account": ("GET", "/v1/account"),
        "page": ("GET", "/pay/<session_id>"),
        "press": ("POST", "/pay/<session_id>"),
        "control_webhook": ("POST", "/_control/webhook"),
    }
    ACTS: ClassVar = frozenset(
        {"pay", "decline", "hold", "settle", "fail", "expire", "dispute", "send_back"}
    )

    def __init__(
        self,
        *,
        api_key: str = "sk_test_of-the-fake",
        account: str = "acct_1Own",
        connected: Sequence[str] = (),
    ) -> None:
        super().__init__(api_key, account, connected)
        self.sessions_made: dict[str, Session] = {}
        self.refunds_made: list[Refund] = []
        # Where events go, and the secrets they are signed with: two while one is being changed.
        self.endpoint: str | None = None
        self.secrets: Sequence[str] = ("whsec_of-the-fake",)
        # How far Stripe's clock is ahead of ours, in seconds.
        self.ahead_s = 0.0
        # Off, a buyer who paid is back before the money is known to have come.
        self.settles_at_once = True
        self.refund_status = "succeeded"
        self._crashes = 0

    # What a buyer, the provider or a test does.

    def pay(
        self,
        session_id: str,
        *,
        amount: int | None = None,
        currency: str | None = None,
        after_all: bool = False,
    ) -> None:
        """Take the money, or other money; `after_all` also when the session has expired."""
        session = self.sessions_made[session_id]
        assert session.status == "open" or (after_all and session.status == "expired")
        if amount is not None:
            session.amount_total = amount
        session.currency = (currency or session.currency).lower()
        if self.settles_at_once:
            self._take(session, "checkout.session.completed")
        else:
            self.hold(session_id)

    def decline(self, session_id: str) -> None:
        """Let a card be refused; the same session can be tried again."""
        self._refuse(self.sessions_made[session_id])

    def hold(self, session_id: str) -> None:
        """Complete a session whose money is still on its way."""
        session = self.sessions_made[session_id]
        session.begun().status = "processing"
        session.status = "complete"
        self._tell(session, "checkout.session.completed")

    def settle(self, session_id: str) -> None:
        """Let money arrive that was on its way."""
        self._take(self.sessions_made[session_id], "checkout.session.async_payment_succeeded")

    def fail(self, session_id: str) -> None:
        """Let money that was on its way never arrive."""
        session = self.sessions_made[session_id]
        self._refuse(session)
        self._tell(session, "checkout.session.async_payment_failed")

    def expire(self, session_id: str) -> None:
        """Let the time of a session be over."""
        session = self.sessions_made[session_id]
        session.status = "expired"
        self._tell(session, "checkout.session.expired")

    def dispute(self, session_id: str) -> None:
        """Let the buyer's bank ask for the money."""
        self._charge(session_id).disputed = True

    def send_back(self, session_id: str, *, amount: int | None = None) -> None:
        """Refund by hand in the dashboard: all of it, or an amount."""
        session = self.sessions_made[session_id]
        self._send_back(session, session.amount_total if amount is None else amount, {})

    def crash_next_create(self) -> None:
        """Make the next session and answer 500, now and whenever the same request comes again."""
        self._crashes += 1

    def books(self) -> list[Book]:
        """Return every session with its charge."""
        return [
            Book(
                one.id,
                one.form.get("client_reference_id", ""),
                one.status,
                one.url,
                (Taken(one.intent.id, one.intent.charge.amount, one.currency.upper()),)
                if one.intent is not None and one.intent.charge is not None
                else (),
            )
            for one in self.sessions_made.values()
        ]

    # The API.

    def create(self, request: Request) -> Response:
        def do(account: str) -> Done:
            form = fields(request.get_data(), request.mimetype, CREATE)
            check_create(form, self._now())
            session = self._made(form, account)
            if self._crashes:
                self._crashes -= 1
                return 500, {"error": {"type": "api_error", "message": "An unknown error occurred"}}
            return 200, session.as_json()

        return self.once(request, do)

    def sessions(self, request: Request) -> Response:
        def do(account: str) -> Done:
            mine = [one for one in self.sessions_made.values() if one.account == account]
            limit = int(request.args.get("limit", 10))
            return 200, listed([one.as_json() for one in mine[::-1]], limit, request.path)

        return self.answer(request, do)

    def read(self, request: Request, session_id: str) -> Response:
        wanted = frozenset(
            value for key, value in request.args.items() if re.fullmatch(r"expand\[\d*\]", key)
        )
        return self.answer(
            request, lambda account: (200, self._session(session_id, account).as_json(wanted))
        )

    def expire_session(self, request: Request, session_id: str) -> Response:
        def do(account: str) -> Done:
            fields(request.get_data(), request.mimetype, frozenset())
            session = self._session(session_id, account)
            if session.status != "open":
                raise StripeError(
                    400,
                    'Only Checkout Sessions with a status in ["open"] can be expired. '
                    f"This Checkout Session has a status of `{session.status}`.",
                )
            self.expire(session_id)
            return 200, session.as_json()

        return self.once(request, do)

    def refund(self, request: Request) -> Response:
        def do(account: str) -> Done:
            form = fields(request.get_data(), request.mimetype, REFUND)
            session = self._paid_with(form.get("payment_intent", ""), account)
            charge = self._charge(session.id)
            left = charge.amount - charge.amount_refunded
            amount = whole(form, "amount") if "amount" in form else left
            if left == 0:
                words = f"Charge {charge.id} has already been refunded."
                raise StripeError(400, words, code="charge_already_refunded")
            if not 0 < amount <= left:
                words = f"Refund amount ({amount}) is greater than unrefunded amount on charge"
                raise StripeError(400, words, param="amount")
            metadata = {key[9:-1]: form[key] for key in form if key.startswith("metadata[")}
            return 200, self._send_back(session, amount, metadata).as_json()

        return self.once(request, do)

    def refunds(self, request: Request) -> Response:
        def do(account: str) -> Done:
            name = request.args.get("payment_intent", "")
            self._paid_with(name, account)
            found = [one.as_json() for one in self.refunds_made if one.payment_intent == name]
            return 200, listed(found[::-1], int(request.args.get("limit", 10)), request.path)

        return self.answer(request, do)

    def own_account(self, request: Request) -> Response:
        return self.answer(request, lambda account: (200, {"object": "account", "id": account}))

    # The hosted page.

    def page(self, _request: Request, session_id: str) -> Response:
        session = self.sessions_made.get(session_id)
        if session is None or session.status != "open":
            # The real one says no more than this, of an expired session too.
            return _html("You did it", "You completed the payment, or the time for it is over.")
        error = session.intent.error if session.intent else None
        refused = f'<p role="alert">{escape(error["message"])}</p>' if error else ""
        cancel = escape(session.form.get("cancel_url", ""))
        buttons = "".join(
            f'<button name="do" value="{do}">{do.title()}</button>' for do in ("pay", "decline")
        )
        return _html(
            escape(f"{session.amount_total} {session.currency.upper()} in minor units"),
            f'{refused}<form method="post">{buttons}</form><a href="{cancel}">Back</a>',
        )

    def press(self, request: Request, session_id: str) -> Response:
        session = self.sessions_made.get(session_id)
        if session is None or session.status != "open":
            return self.page(request, session_id)
        if request.form.get("do") != "pay":
            self.decline(session_id)
            return self.page(request, session_id)
        self.pay(session_id)
        back = session.form["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id)
        return Response(status=303, headers={"Location": back})

    # The levers, for a browser or another process.

    def control_webhook(self, request: Request) -> Response:
        """`{"url": "http://…"}`: what a merchant types into the dashboard."""
        self.endpoint = json_of(request)["url"]
        return Response(status=201)

    def _made(self, form: Mapping[str, str], account: str) -> Session:
        price, created = "line_items[0][price_data]", int(self._now())
        is_live = self.api_key.startswith("sk_live_")
        session_id = new_id("cs_live" if is_live else "cs_test", 58)
        quantity = whole(form, "line_items[0][quantity]")
        session = Session(
            form=form,
            account=account,
            livemode=is_live,
            url=f"{self.url}/pay/{session_id}",
            created=created,
            expires_at=int(form.get("expires_at", created + 24 * 3600)),
            amount_total=whole(form, f"{price}[unit_amount]") * quantity,
            currency=form[f"{price}[currency]"],
            id=session_id,
        )
        self.sessions_made[session_id] = session
        return session

    def _session(self, session_id: str, account: str) -> Session:
        session = self.sessions_made.get(session_id)
        if session is None or session.account != account:
            words = f"No such checkout.session: {session_id}"
            raise StripeError(404, words, code="resource_missing", param="session")
        if session.status == "open" and session.expires_at <= self._now():
            self.expire(session_id)
        return session

    def _paid_with(self, intent_id: str, account: str) -> Session:
        for session in self.sessions_made.values():
            if session.account == account and session.intent and session.intent.id == intent_id:
                return session
        words = f"No such payment_intent: '{intent_id}'"
        raise StripeError(404, words, code="resource_missing", param="payment_intent")

    def _charge(self, session_id: str) -> Charge:
        intent = self.sessions_made[session_id].intent
        if intent is None or intent.charge is None:
            words = "This PaymentIntent does not have a successful charge to refund."
            raise StripeError(400, words, code="payment_intent_unexpected_state")
        return intent.charge

    def _take(self, session: Session, event: str) -> None:
        with self.lock:
            intent = session.begun()
            intent.charge = Charge(session.amount_total, session.currency, int(self._now()))
            intent.status, intent.error = "succeeded", None
            session.status, session.payment_status = "complete", "paid"
        self._tell(session, event)

    def _refuse(self, session: Session) -> None:
        intent = session.begun()
        intent.status = "requires_payment_method"
        intent.error = {
            "code": "card_declined",
            "decline_code": "generic_decline",
            "message": "Your card was declined.",
            "type": "card_error",
        }

    def _send_back(self, session: Session, amount: int, metadata: dict[str, str]) -> Refund:
        charge, intent = self._charge(session.id), session.begun()
        charge.amount_refunded += amount
        refund = Refund(
            intent.id, amount, charge.currency, int(self._now()), self.refund_status, metadata
        )
        self.refunds_made.append(refund)
        return refund

    def _tell(self, session: Session, kind: str) -> None:
        """Send an event to the endpoint, signed anew whenever it is sent again."""
        if self.endpoint is None:
            return
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(self._now()),
            "data": {"object": session.as_json()},
            "livemode": session.livemode,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        if session.account != self.account:
            event["account"] = session.account
        body, secrets = json.dumps(event, indent=2).encode(), tuple(self.secrets)
        self.courier.send(self.endpoint, lambda: (signed(secrets, body, self._now()), body))

    def _now(self) -> float:
        return clock.now().timestamp() + self.ahead_s


def _html(heading: str, content: str) -> Response:
    return Response(
        '<!doctype html><html lang="en"><title>Stripe (fake)</title><link rel="icon" href="data:,">'
        f"<main><h1>{heading}</h1>{content}</main>",
        mimetype="text/html",
    )
