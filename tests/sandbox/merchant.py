"""A merchant with an account at the bank, and a buyer who presses the buttons for it."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from tests.sandbox.process import SECRET
from webapp.core import clock, references
from webapp.core.money import Money
from webapp.core.sandbox_keys import account_keys
from webapp.providers import http, sandbox
from webapp.providers.base import (
    Access,
    CheckoutRequest,
    Created,
    Found,
    Handle,
    HttpAnswer,
    HttpRequest,
    Observation,
    Read,
)
from webapp.providers.connection import Connection

TIMEOUT_S = 20.0


class Merchant:
    """One account of a bank that runs at an address, reached through the adapter."""

    def __init__(self, bank_url: str, notice_url: str) -> None:
        self.account = f"sbx-{references.link_code()}"
        keys = account_keys(SECRET, self.account)
        secrets = {"api_key": keys.api_key, "notice_secret": keys.notice_secret}
        self.access = Access(self.account, is_live=False, base_url=bank_url, secrets=secrets)
        self.connection = Connection(sandbox, self.access)
        self._notice_url = notice_url

    def request(self, *, minor: int = 2500, currency: str = "EUR") -> CheckoutRequest:
        """Return a new wish to be paid."""
        return CheckoutRequest(
            reference=references.attempt_reference(),
            money=Money(minor, currency),
            description="Two tickets",
            merchant_name="The Shop",
            return_url="http://127.0.0.1:9/back",
            notice_url=self._notice_url,
            expires_at=clock.now() + timedelta(minutes=5),
        )

    def checkout(self, *, minor: int = 2500, currency: str = "EUR") -> tuple[str, Handle]:
        """Make a checkout and return its page's address and its handle."""
        request = self.request(minor=minor, currency=currency)
        made = self.connection.create(request, timeout_s=TIMEOUT_S)
        assert isinstance(made, Created), made
        return made.url, Handle(request.reference, made.checkout_id)

    def read(self, handle: Handle) -> Read:
        """Ask the bank what became of a checkout."""
        return self.connection.read(handle, timeout_s=TIMEOUT_S)

    def found(self, handle: Handle) -> Observation:
        """Ask the bank what became of a checkout that it knows."""
        read = self.read(handle)
        assert isinstance(read, Found), read
        return read.observation

    def script(self, fault: str, *, times: int = 1, seconds: float = 15) -> None:
        """Ask the bank for a fault."""
        wish = {"fault": fault, "times": times, "seconds": seconds}
        assert self.call("POST", "/v1/faults", wish).status == 201

    def ledger(self) -> list[dict[str, Any]]:
        """Return every payment that the bank took for this account."""
        payments: list[dict[str, Any]] = json.loads(self.call("GET", "/v1/ledger").body)
        return payments

    def call(self, method: str, path: str, content: object = None) -> HttpAnswer:
        """Send any request to the bank's API with this account's key."""
        url = f"{self.access.base_url}{path}"
        headers = {"Authorization": f"Bearer {self.access.secrets['api_key']}"}
        body = None if content is None else json.dumps(content).encode()
        return http.send(HttpRequest(method, url, headers, body), timeout_s=TIMEOUT_S)


def look(page_url: str) -> HttpAnswer:
    """Fetch a checkout's page."""
    return http.send(HttpRequest("GET", page_url), timeout_s=TIMEOUT_S)


def press(page_url: str, button: str) -> HttpAnswer:
    """Press a button on a checkout's page and return the answer as it came."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"do": button}).encode()
    return http.send(HttpRequest("POST", page_url, headers, body), timeout_s=TIMEOUT_S)
