"""A buyer without a screen: presses "Pay" here and a button at the bank, and never gives up."""

import re
import time
from dataclasses import dataclass, field

import httpx2

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_ON = {"": "pay"}
_PATIENCE_S = 0.3


class GaveUpError(Exception):
    """The place did not answer for longer than a buyer would wait."""


@dataclass
class Buyer:
    """One browser. Every request is repeated until it is answered, as a person would reload."""

    url: str
    patience_s: float = 90
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        """Open the browser."""
        self.client = httpx2.Client(base_url=self.url, timeout=15, trust_env=False)

    def close(self) -> None:
        """Close the browser."""
        self.client.close()

    def start(self, code: str) -> str | None:
        """Press "Pay" and return the bank's page, or None when the link takes no payment."""
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            page = self._ask("GET", f"/pay/{code}")
            location = page.headers.get("location", "")
            if location.endswith("/processing"):
                return self._continue(code)
            token = _TOKEN.search(page.text)
            if page.status_code == 303 or (page.status_code == 200 and token is None):
                return None
            if token is not None:
                answer = self._ask("POST", f"/pay/{code}", data={"csrf_token": token[1]})
                location = answer.headers.get("location", "")
                if "/checkout/" in location:
                    return location
            time.sleep(_PATIENCE_S)
        raise GaveUpError(f"{code} could not be started")

    def press(self, page: str, button: str) -> None:
        """Press a button on the bank's page."""
        self._ask("POST", page, data={"do": button})

    def come_back(self, code: str) -> None:
        """Return to the page that waits."""
        self._ask("GET", f"/pay/{code}/processing?returned=1")

    def status(self, code: str) -> str:
        """Return the public status that the page's poll tells."""
        answer = self._ask("GET", f"/pay/{code}/status?on=processing")
        found = re.search(r'data-status="(\w+)"', answer.text)
        return found[1] if found else ""

    def _continue(self, code: str) -> str | None:
        """Wait for the bank's page of a payment that was begun and not answered yet."""
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            answer = self._ask("GET", f"/pay/{code}/continue")
            location = answer.headers.get("location", "")
            if "/checkout/" in location:
                return location
            if answer.status_code != 303 or not location.endswith("/processing"):
                return None
            where = self._ask("GET", f"/pay/{code}/processing").headers.get("location")
            if where is not None and not where.endswith("/processing"):
                return self.start(code) if where == f"/pay/{code}" else None
            time.sleep(_PATIENCE_S)
        raise GaveUpError(f"{code} has no page at the bank")

    def _ask(self, method: str, path: str, data: dict[str, str] | None = None) -> httpx2.Response:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                answer = self.client.request(method, path, data=data)
            except httpx2.HTTPError as error:
                if time.monotonic() > deadline:
                    raise GaveUpError(f"{path}: {type(error).__name__}") from error
            else:
                # Nor is "too often" an answer: whoever waits is let in again.
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                if time.monotonic() > deadline:
                    raise GaveUpError(f"{path}: {answer.status_code}")
            time.sleep(_PATIENCE_S)
