"""The part of the fake SumUp that knows who asks: keys, consents, tokens and memberships."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlencode

from markupsafe import escape
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from tests.fakes.faults import Fake
from tests.fakes.sumup_books import answered, problem
from webapp.core import clock

LIFE_S: Final = 3599
_ALL: Final = frozenset({"payments", "transactions.history", "user.profile_readonly"})


@dataclass(frozen=True)
class Grant:
    """What a consent gave, and until when its present name is good."""

    scopes: frozenset[str]
    until: datetime


class Organisers(Fake):
    """One merchant with an API key, and one application that asks for consents."""

    ROUTES: ClassVar = {
        "authorize": ("GET", "/authorize"),
        "consent": ("POST", "/authorize"),
        "token": ("POST", "/token"),
        "memberships": ("GET", "/v0.1/memberships"),
        "merchant": ("GET", "/v1/merchants/<merchant_code>"),
        "control_revoke": ("POST", "/_control/revoke"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.merchant_code = "MCTEST42"
        self.currency = "EUR"
        self.is_sandbox = True
        # Further accounts that the organiser may speak for.
        self.also: Mapping[str, str] = {}
        self.api_key = f"sup_sk_{secrets.token_hex(16)}"
        self.client_id = f"cc_classic_{secrets.token_hex(8)}"
        self.client_secret = f"cc_sk_classic_{secrets.token_hex(16)}"
        self.redirect_uri = "http://127.0.0.1:9/connected"
        # Whether a refresh brings a new refresh token and ends the old one.
        self.rotates = True
        # What SumUp lets this application ask for; `payments` only after a look at it.
        self.scopes = _ALL
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def agree(self, *, state: str = "") -> str:
        """Consent as an organiser does; return where the browser is sent."""
        code = secrets.token_hex(16)
        self._codes[code] = Grant(self.scopes, clock.now() + timedelta(minutes=1))
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': state})}"

    def revoke(self) -> None:
        """End every consent, as an organiser may do at SumUp."""
        self._codes.clear()
        self._access.clear()
        self._refresh.clear()

    def forget_access_tokens(self) -> None:
        """End every access token before its time; the consents stay."""
        self._access.clear()

    def error(self, status: int) -> Response:
        """Write an error in one of SumUp's shapes; which one depends on who says it."""
        match status:
            case 401:
                words = "Unauthorized."
                return problem(401, "unauthorized", "Unauthorized", words, trace_id="3c77294349d3")
            case 404:
                words = "Resource not found"
                return answered(404, {"error_code": "NOT_FOUND", "message": words})
            case 400:
                words = "Validation error"
                return answered(400, {"message": words, "error_code": "INVALID", "param": "amount"})
            case 429:
                return problem(429, "too-many-requests", "Too Many Requests", "Slow down.")
            case _:
                return answered(status, {"errors": {"detail": "Something went wrong"}})

    def denied(self, request: Request, scope: str) -> Response | None:
        """Return the refusal of a request that may not do this; None when it may."""
        bearer = (request.authorization and request.authorization.token) or ""
        if bearer == self.api_key:
            return None
        grant = self._access.get(bearer)
        if grant is None or grant.until <= clock.now():
            if not bearer:
                return self.error(401)
            words = {"error_message": "invalid access token", "error_code": "NOT_AUTHORIZED"}
            return answered(401, words)
        if scope not in grant.scopes:
            words = {"error_message": "request_not_allowed", "error_code": "FORBIDDEN"}
            return answered(403, words | {"status_code": "403"})
        return None

    def authorize(self, request: Request) -> Response:
        wish = request.args
        if wish.get("client_id") != self.client_id or wish.get("redirect_uri") != self.redirect_uri:
            return Response("Unknown application", status=400)
        buttons = "".join(
            f'<button name="do" value="{do}">{do.title()}</button>' for do in ("allow", "deny")
        )
        state = escape(wish.get("state", ""))
        page = f'<form method="post"><input type="hidden" name="state" value="{state}">{buttons}'
        return Response(
            f"<!doctype html><title>SumUp (fake)</title>{page}</form>", 200, None, "html"
        )

    def consent(self, request: Request) -> Response:
        state = request.form.get("state", "")
        if request.form.get("do") == "allow":
            return redirect(self.agree(state=state))
        query = urlencode({"error": "access_denied", "state": state})
        return redirect(f"{self.redirect_uri}?{query}")

    def token(self, request: Request) -> Response:
        form = request.form
        known = (form.get("client_id"), form.get("client_secret"))
        if known != (self.client_id, self.client_secret):
            return _oauth_error(401, "invalid_client", "Client authentication failed")
        match form.get("grant_type"):
            case "authorization_code":
                # Worth something once, even if what follows goes wrong.
                grant = self._codes.pop(form.get("code", ""), None)
                is_right = form.get("redirect_uri") == self.redirect_uri
                if grant is None or grant.until <= clock.now() or not is_right:
                    return _oauth_error(400, "invalid_grant", "The code is expired or used")
                return self._granted(grant.scopes, None)
            case "refresh_token":
                name = form.get("refresh_token", "")
                grant = self._refresh.pop(name, None) if self.rotates else self._refresh.get(name)
                if grant is None or grant.until <= clock.now():
                    return _oauth_error(400, "invalid_grant", "The refresh token is invalid")
                return self._granted(grant.scopes, name)
            case _:
                return _oauth_error(400, "unsupported_grant_type", "Unsupported grant type")

    def memberships(self, request: Request) -> Response:
        denied = self.denied(request, "user.profile_readonly")
        if denied is not None:
            return denied
        items = [
            _membership("merchant", self.merchant_code, "Sample Shop", "accepted"),
            *(_membership("merchant", code, name, "accepted") for code, name in self.also.items()),
            _membership("merchant", "MCINVITED", "Another Shop", "pending"),
            _membership("organization", "G0UZPVAX", "The Group", "accepted"),
        ]
        kind, status = request.args.get("resource.type"), request.args.get("status")
        items = [
            item
            for item in items
            if kind in {None, item["type"]} and status in {None, item["status"]}
        ]
        return answered(200, {"items": items, "total_count": len(items)})

    def merchant(self, request: Request, merchant_code: str) -> Response:
        denied = self.denied(request, "user.profile_readonly")
        if denied is not None:
            return denied
        if merchant_code not in {self.merchant_code, *self.also}:
            return problem(404, "not-found", "Not Found", "No such merchant")
        told: dict[str, object] = {
            "merchant_code": merchant_code,
            "business_profile": {"name": self.also.get(merchant_code, "Sample Shop")},
            "country": "DE",
            "default_currency": self.currency,
            "default_locale": "de-DE",
        }
        return answered(200, told | ({"sandbox": True} if self.is_sandbox else {}))

    def control_revoke(self, _request: Request) -> Response:
        """End every consent."""
        self.revoke()
        return Response(status=201)

    def _granted(self, scopes: frozenset[str], refreshed: str | None) -> Response:
        access, now = secrets.token_urlsafe(48), clock.now()
        self._access[access] = Grant(scopes, now + timedelta(seconds=LIFE_S))
        told: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": LIFE_S,
            "scope": " ".join(sorted(scopes)),
        }
        if refreshed is None or self.rotates:
            told["refresh_token"] = refresh = secrets.token_urlsafe(48)
            self._refresh[refresh] = Grant(scopes, now + timedelta(days=180))
        return answered(200, told)


def _membership(kind: str, code: str, name: str, status: str) -> dict[str, object]:
    return {
        "id": f"mem_{code}",
        "resource_id": code,
        "type": kind,
        "roles": ["role_admin"],
        "status": status,
        "resource": {"id": code, "type": kind, "name": name},
    }


def _oauth_error(status: int, code: str, words: str) -> Response:
    return answered(status, {"error": code, "error_description": words})
