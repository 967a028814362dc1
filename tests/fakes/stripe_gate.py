"""How a fake Stripe lets requests in: keys, versions, connected accounts and idempotency."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Fake
from tests.fakes.stripe_forms import StripeError

Done = tuple[int, dict[str, Any]]

# Before it, `allowed_payment_method_types` had another name.
OLDEST_VERSION: Final = "2026-09-30"


class Gate(Fake):
    """Finds out for which account a request is, and does each keyed request once."""

    def __init__(self, api_key: str, account: str, connected: Sequence[str]) -> None:
        super().__init__()
        self.api_key = api_key
        self.account = account
        self.connected = frozenset(connected)
        self._answered: dict[tuple[str, str], tuple[object, Done]] = {}

    def answer(self, request: Request, do: Callable[[str], Done]) -> Response:
        """Do what is asked for an account, or say as Stripe does why not."""
        try:
            return respond(*do(self._account(request)))
        except StripeError as error:
            return respond(error.status, {"error": error.error})

    def once(self, request: Request, do: Callable[[str], Done]) -> Response:
        """Do it, or repeat what was answered to the same key; a refused form is not kept."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self.answer(request, do)
        replayed: list[bool] = []

        def do_once(account: str) -> Done:
            if len(key) > 255:
                raise StripeError(400, "Idempotency keys can be up to 255 characters long.")
            asked = (request.path, request.get_data())
            if (account, key) not in self._answered:
                self._answered[account, key] = (asked, do(account))
            elif self._answered[account, key][0] != asked:
                words = "Keys can only be used with the same parameters they were first used with."
                raise StripeError(400, words, kind="idempotency_error")
            else:
                replayed.append(True)
            return self._answered[account, key][1]

        response = self.answer(request, do_once)
        response.headers["Idempotency-Key"] = key
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    def error(self, status: int) -> Response:
        """Write an error as Stripe does."""
        words, kind = {
            400: ("Your account cannot currently make charges.", "invalid_request_error"),
            404: ("Unrecognized request URL.", "invalid_request_error"),
            429: ("Request rate limit exceeded.", "invalid_request_error"),
        }.get(status, ("An unknown error occurred", "api_error"))
        return respond(status, {"error": {"type": kind, "message": words}})

    def _account(self, request: Request) -> str:
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise StripeError(401, "Invalid API Key provided: sk_test_****wrong")
        version = re.fullmatch(
            r"(\d{4}-\d{2}-\d{2})\.[a-z]+", request.headers.get("Stripe-Version", "")
        )
        if version is None or version[1] < OLDEST_VERSION:
            raise StripeError(400, "Invalid Stripe API version")
        account = request.headers.get("Stripe-Account", self.account)
        if account not in {self.account, *self.connected}:
            words = f"The provided key does not have access to account '{account}'"
            raise StripeError(403, words, code="account_invalid")
        return account


def respond(status: int, content: object) -> Response:
    """Write an answer."""
    body = json.dumps(content, indent=2)
    return Response(body, status=status, mimetype="application/json")


def listed(found: list[dict[str, Any]], limit: int, url: str) -> dict[str, Any]:
    """Return the first page of a list."""
    has_more = len(found) > limit
    return {"object": "list", "data": found[:limit], "has_more": has_more, "url": url}


def signed(secrets: Sequence[str], body: bytes, at: float) -> dict[str, str]:
    """Return the headers of an event, with a signature for each secret."""
    moment = int(at)
    macs = [
        hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    words = [f"t={moment}", *(f"v1={mac}" for mac in macs), "v0=" + "0" * 64]
    return {"Content-Type": "application/json", "Stripe-Signature": ",".join(words)}
