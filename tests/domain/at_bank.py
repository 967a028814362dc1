"""The shop of the factories as a customer of a real bank, and its buyers at the bank's page."""

import json
from typing import Any

from sqlalchemy import select

from tests.factories import Factories
from tests.sandbox.merchant import TIMEOUT_S, look, press
from tests.sandbox.process import eventually
from webapp.domain.payments import accounts, checkouts, verification
from webapp.domain.payments.checkouts import Started
from webapp.domain.payments.settlement import Outcome
from webapp.extensions import db
from webapp.models import PaymentAttempt, PaymentLink
from webapp.providers import http
from webapp.providers.base import (
    CheckoutRequest,
    Creation,
    Found,
    Handle,
    HttpAnswer,
    HttpRequest,
    Observation,
    Read,
)


def verify(attempt: PaymentAttempt) -> Outcome | None:
    """Read an attempt by its provider and settle it; return what that changed."""
    conclusion = verification.run_one(attempt.reference, actor="test")
    assert conclusion is not None
    return conclusion.outcome


class AtBank:
    """One account; what goes wrong is asked of the bank itself."""

    def __init__(self, make: Factories) -> None:
        self._make = make
        self.connection = accounts.connection(accounts.active(make.shop))

    def start(self, link: PaymentLink | None = None, **order: Any) -> PaymentAttempt:
        """Press "Pay" as a buyer without a cookie does, and return the attempt."""
        started = self.press_pay(link or self._make.link(**order))
        query = select(PaymentAttempt).where(PaymentAttempt.reference == started.attempt_reference)
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    def press_pay(self, link: PaymentLink, token: str | None = None) -> Started:
        """Press "Pay" in the browser that holds this token."""
        return checkouts.start(link.code, token=token, buyer_email=None)

    def press(self, attempt: PaymentAttempt, button: str) -> None:
        """Press a button of the bank's page."""
        url = attempt.checkout_url or self.read(attempt).checkout_url
        assert url is not None
        assert press(url, button).status in {200, 303}

    @staticmethod
    def reverse(attempt: PaymentAttempt) -> None:
        """Send what is left of the money back at the bank's own desk."""
        assert attempt.checkout_url is not None
        assert press(f"{attempt.checkout_url}/reverse", "").status == 200

    def shows_closed(self, attempt: PaymentAttempt) -> bool:
        """Say whether the bank's page tells the buyer that this checkout is closed."""
        assert attempt.checkout_url is not None
        return b"This checkout is closed" in look(attempt.checkout_url).body

    def read(self, attempt: PaymentAttempt) -> Observation:
        """Ask the bank itself what became of a checkout, past all rules."""
        read = self._read(attempt.reference)
        assert isinstance(read, Found), read
        return read.observation

    def create_again(self, attempt: PaymentAttempt) -> Creation:
        """Send the attempt's stored request once more, as a proxy that repeats would."""
        request = CheckoutRequest.from_json(attempt.request)
        return self.connection.create(request, timeout_s=TIMEOUT_S)

    def wait_until_made(self, reference: str) -> None:
        """Wait until the bank has made the attempt's checkout, whether it has said so or not."""
        eventually(lambda: isinstance(self._read(reference), Found))

    def _read(self, reference: str) -> Read:
        handle = Handle(reference, checkout_id=None)
        return self.connection.read(handle, timeout_s=TIMEOUT_S)

    def script(self, fault: str, *, times: int = 1, seconds: float = 15) -> None:
        """Ask the bank for a fault."""
        wish = {"fault": fault, "times": times, "seconds": seconds}
        assert self._call("POST", "/v1/faults", wish).status == 201

    def ledger(self) -> list[dict[str, Any]]:
        """Return every payment that the bank took for this account."""
        payments: list[dict[str, Any]] = json.loads(self._call("GET", "/v1/ledger").body)
        return payments

    def _call(self, method: str, path: str, content: object = None) -> HttpAnswer:
        access = self.connection.access
        headers = {"Authorization": f"Bearer {access.secrets['api_key']}"}
        body = None if content is None else json.dumps(content).encode()
        request = HttpRequest(method, f"{access.base_url}{path}", headers, body)
        return http.send(request, timeout_s=TIMEOUT_S)
