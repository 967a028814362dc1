"""The bank's API: who may ask, what it takes, and what it says of a checkout."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.merchant import TIMEOUT_S, Merchant, press
from tests.sandbox.process import SECRET, BankProcess
from tests.sandbox.receiver import Receiver
from webapp.core import clock
from webapp.core.sandbox_keys import account_keys
from webapp.providers import http
from webapp.providers.base import Handle, HttpRequest, Missing
from webapp.sandbox.app import create_app
from webapp.sandbox.bank import Bank


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference", None),
        ("reference", ""),
        ("reference", "att 1"),
        ("reference", "a" * 65),
        ("amount_minor", 2500.0),
        ("amount_minor", True),
        ("amount_minor", "2500"),
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 10_000_000_000),
        ("currency", "XXX"),
        ("currency", "eur"),
        ("description", "x" * 256),
        ("merchant_name", 7),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "//somewhere"),
        ("return_url", "http://a.example; script-src *"),
        ("return_url", "http://a.example/\r\nSet-Cookie: x=y"),
        ("notice_url", "file:///etc/passwd"),
        ("notice_url", "http://[/"),
        ("expires_at", timedelta(minutes=-1)),
        ("expires_at", timedelta(hours=25)),
        ("expires_at", "2026-01-01T00:00:00"),
        ("expires_at", "soon"),
    ],
)
def test_a_bad_wish_is_refused_and_makes_nothing(
    merchant: Merchant, field: str, value: object
) -> None:
    request = merchant.request()
    if isinstance(value, timedelta):
        value = clock.iso(clock.now() + value)

    answer = merchant.call("POST", "/v1/checkouts", {**request.as_json(), field: value})

    refusal = json.loads(answer.body)
    assert (answer.status, refusal["code"]) == (422, "invalid")
    assert refusal["message"]
    assert merchant.read(Handle(request.reference, None)) == Missing()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"reference": "\\ud800"}'])
def test_a_body_that_is_no_wish_is_refused(merchant: Merchant, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {merchant.access.secrets['api_key']}"}
    for path in ("checkouts", "faults"):
        url = f"{merchant.access.base_url}/v1/{path}"
        answer = http.send(HttpRequest("POST", url, headers, body), timeout_s=TIMEOUT_S)
        assert (answer.status, json.loads(answer.body)["code"]) == (422, "invalid")


def test_an_oversized_body_is_refused_in_json(merchant: Merchant) -> None:
    answer = merchant.call("POST", "/v1/checkouts", {"description": "x" * 70_000})
    assert (answer.status, json.loads(answer.body)["code"]) == (413, "refused")


def test_fields_that_the_bank_does_not_know_do_no_harm(merchant: Merchant) -> None:
    wish = {**merchant.request().as_json(), "colour": "blue"}
    assert merchant.call("POST", "/v1/checkouts", wish).status == 201


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer sbk_sbx-demo_0", "Basic x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "checkouts"),
        ("GET", "checkouts?reference=x"),
        ("GET", "checkouts/x"),
        ("POST", "checkouts/x/close"),
        ("GET", "ledger"),
        ("POST", "faults"),
    ],
)
def test_every_call_needs_a_key(
    bank: BankProcess, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = http.send(HttpRequest(method, f"{bank.url}/v1/{path}", headers), timeout_s=TIMEOUT_S)
    assert (answer.status, json.loads(answer.body)["code"]) == (401, "unauthorised")


def test_an_account_sees_its_own_checkouts_only(
    bank: BankProcess, merchant: Merchant, receiver: Receiver
) -> None:
    other = Merchant(bank.url, receiver.url)
    url, handle = merchant.checkout()
    press(url, "lose")

    assert other.read(handle) == Missing()
    assert other.read(Handle(handle.reference, None)) == Missing()
    assert other.call("POST", f"/v1/checkouts/{handle.checkout_id}/close").status == 404
    assert other.ledger() == []


def test_two_accounts_may_use_the_same_reference(
    bank: BankProcess, merchant: Merchant, receiver: Receiver
) -> None:
    other = Merchant(bank.url, receiver.url)
    wish = merchant.request().as_json()
    assert merchant.call("POST", "/v1/checkouts", wish).status == 201
    assert other.call("POST", "/v1/checkouts", wish).status == 201
    assert merchant.call("POST", "/v1/checkouts", wish).status == 409


def test_a_used_reference_is_answered_with_the_checkout_that_has_it(merchant: Merchant) -> None:
    wish = merchant.request().as_json()
    made = json.loads(merchant.call("POST", "/v1/checkouts", wish).body)

    answer = merchant.call("POST", "/v1/checkouts", {**wish, "amount_minor": 1})

    refusal = json.loads(answer.body)
    assert (answer.status, refusal["code"]) == (409, "duplicate_reference")
    assert refusal["id"] == made["id"]


def test_a_fault_goes_off_as_often_as_it_was_asked_for(merchant: Merchant) -> None:
    _, handle = merchant.checkout()
    merchant.script("read_other_account", times=2)
    merchant.script("read_live")

    seen = [merchant.found(handle) for _ in range(4)]

    assert [one.account == merchant.account for one in seen] == [False, False, True, True]
    assert [one.is_live for one in seen] == [False, False, True, False]


@pytest.mark.parametrize(
    "wish",
    [{}, {"fault": "x"}, {"fault": "down", "seconds": -1}, {"fault": "create_late", "times": 0}],
)
def test_a_fault_that_does_not_exist_is_refused(merchant: Merchant, wish: dict[str, Any]) -> None:
    assert merchant.call("POST", "/v1/faults", wish).status == 422


class Inside:
    """The API without a server, so that a test can shift the time."""

    def __init__(self, bank: Bank) -> None:
        keys = account_keys(SECRET, "sbx-inside")
        self._client = create_app(bank).test_client()
        self._headers = {"Authorization": f"Bearer {keys.api_key}"}

    def make(self, life: timedelta) -> dict[str, Any]:
        """Make a checkout that lives so long."""
        request = Merchant("http://127.0.0.1:9", "http://127.0.0.1:9/n").request()
        wish = {**request.as_json(), "expires_at": (clock.now() + life).isoformat()}
        answer = self._client.post("/v1/checkouts", json=wish, headers=self._headers)
        assert answer.status_code == 201, answer.text
        content: dict[str, Any] = answer.get_json()
        return content

    def read(self, made: dict[str, Any]) -> dict[str, Any]:
        """Read it."""
        answer = self._client.get(f"/v1/checkouts/{made['id']}", headers=self._headers)
        content: dict[str, Any] = answer.get_json()
        return content

    def press(self, made: dict[str, Any], button: str) -> int:
        """Press a button on its page."""
        return self._client.post(f"/checkout/{made['id']}", data={"do": button}).status_code

    def close(self, made: dict[str, Any]) -> int:
        """Close it."""
        url = f"/v1/checkouts/{made['id']}/close"
        return self._client.post(url, headers=self._headers).status_code


@pytest.mark.parametrize("life", [timedelta(seconds=10), timedelta(hours=24)])
def test_a_checkout_closes_itself_when_its_time_is_up(inner_bank: Bank, life: timedelta) -> None:
    inside = Inside(inner_bank)
    made = inside.make(life)
    with clock.shifted(life - timedelta(seconds=5)):
        assert inside.read(made)["status"] == "open"
    with clock.shifted(life):
        ended = inside.read(made)
        assert (ended["status"], ended["reason"]) == ("closed", "expired")
        assert inside.press(made, "pay") == 409
        assert inside.close(made) == 409


def test_a_late_payment_comes_some_time_after_the_expiry(inner_bank: Bank) -> None:
    inside = Inside(inner_bank)
    made = inside.make(timedelta(seconds=60))
    assert inside.press(made, "late") == 303
    with clock.shifted(timedelta(seconds=79)):
        assert not inner_bank.clockwork.take_late_payment()
        assert inside.read(made)["status"] == "closed"
    with clock.shifted(timedelta(seconds=81)):
        assert inner_bank.clockwork.take_late_payment()
        paid = inside.read(made)
        assert not inner_bank.clockwork.take_late_payment()
    assert paid["status"] == "paid"
    assert clock.parse(paid["payments"][0]["paid_at"]) > clock.parse(made["expires_at"])


def test_a_downtime_ends_by_itself(inner_bank: Bank) -> None:
    inside = Inside(inner_bank)
    made = inside.make(timedelta(hours=1))
    inside.press(made, "down")
    with clock.shifted(timedelta(seconds=119)):
        assert inside.read(made)["code"] == "unavailable"
    with clock.shifted(timedelta(seconds=120)):
        assert inside.read(made)["status"] == "paid"
