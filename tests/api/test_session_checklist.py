"""The eight ways of a payment that programs were promised, each at the real sandbox bank."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.programs import Program, data, problem
from tests.conftest import Configure
from tests.domain.at_bank import AtBank, verify
from tests.domain.closings import step
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything, fresh
from tests.pages import Pages, soup
from webapp.core import clock
from webapp.core.states import AttemptState, LinkState
from webapp.domain.payments import starts
from webapp.models import PaymentAttempt, PaymentLink

SESSION = "/api/payments/session"


def create(client: FlaskClient, link: PaymentLink) -> str:
    """Begin a sitting; return its id."""
    answer = client.post(f"{SESSION}/create", json={"orderId": link.reference})
    assert answer.status_code == 201
    return str(data(answer)["sessionId"])


def act(client: FlaskClient, session: str, what: str) -> TestResponse:
    return client.post(f"{SESSION}/{session}/{what}")


def look(client: FlaskClient, session: str) -> dict[str, object]:
    said: dict[str, object] = data(client.get(f"{SESSION}/{session}"))
    return said


def newest() -> PaymentAttempt:
    return everything(PaymentAttempt)[-1]


def pay_and_complete(at_bank: AtBank, client: FlaskClient, session: str) -> None:
    """Pay where the last attempt is paid; the bank's notice is lost, and the program asks."""
    at_bank.press(newest(), "lose")
    answer = act(client, session, "complete")
    assert answer.status_code == 200
    assert (data(answer)["status"], data(answer)["message"]) == ("COMPLETED", "Paid")
    assert answer.headers["X-Poll-After"] == "stop"
    assert fresh(newest().link).state is LinkState.PAID


def test_success(at_bank: AtBank, make: Factories, client: FlaskClient) -> None:
    link = make.link()
    session = create(client, link)
    assert look(client, session)["status"] == "INITIATED"
    resumed = act(client, session, "resume")
    assert resumed.status_code == 200
    assert (data(resumed)["status"], data(resumed)["attemptCount"]) == ("PROCESSING", 1)
    assert resumed.headers["Link"].endswith(f'/pay/{link.code}/continue>; rel="payment"')
    onward = client.get(f"/pay/{link.code}/continue")
    assert onward.headers["Location"] == newest().checkout_url
    again = act(client, session, "resume")
    assert again.headers["Link"] == resumed.headers["Link"]
    assert len(everything(PaymentAttempt)) == 1, "to go on is not to begin another"
    pending = act(client, session, "complete")
    assert pending.status_code == 202
    assert data(pending)["message"] == "Payment request submitted! Waiting for verification..."
    make.change(newest(), last_read_at=clock.now() - timedelta(seconds=30))
    pay_and_complete(at_bank, client, session)


def test_timeout(make: Factories, client: FlaskClient, configure: Configure) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url, provider_create_timeout_s=0.2)
    session = create(client, make.link())
    try:
        started = act(client, session, "resume")
    finally:
        bank.hang_up()
    assert started.status_code == 202
    assert "Link" not in started.headers
    assert data(started)["message"] == "Processing payment..."
    assert starts.time_out() == 0
    make.change(newest(), created_at=clock.now() - timedelta(seconds=31))
    assert starts.time_out() == 1
    said = look(client, session)
    assert said["status"] == "INTERRUPTED"
    assert said["message"] == "Payment timeout (attempt 1/3). You can retry or cancel."
    assert said["canResume"] is True
    assert act(client, session, "resume").status_code == 202, "the old one is closed first"
    assert fresh(newest().link).closing_for == "retry"
    assert data(act(client, session, "cancel"))["status"] == "CANCELLED"


def test_network_recovery(
    at_bank: AtBank, make: Factories, client: FlaskClient, configure: Configure
) -> None:
    configure(start_tries=1, never_made_after_s=0.01)
    session = create(client, make.link())
    at_bank.script("create_lost")
    assert act(client, session, "resume").status_code == 202
    for _ in range(2):
        verify(newest())
    said = look(client, session)
    assert said["status"] == "INTERRUPTED"
    assert said["message"] == "Network error detected (attempt 1/3). Would you like to retry?"
    resumed = act(client, session, "resume")
    assert (resumed.status_code, data(resumed)["attemptCount"]) == (200, 2)
    pay_and_complete(at_bank, client, session)


def test_retries_exceeded(at_bank: AtBank, make: Factories, client: FlaskClient) -> None:
    session = create(client, make.link())
    for number in (1, 2, 3):
        at_bank.script("create_refused")
        answer = act(client, session, "resume")
        assert answer.status_code == 200
        assert "Link" not in answer.headers
        assert data(answer)["attemptCount"] == number
        assert data(answer)["canResume"] is (number < 3)
    assert data(answer)["status"] == "FAILED_MAX_RETRIES"
    assert data(answer)["message"] == "Maximum retry attempts exceeded."
    refused = act(client, session, "resume")
    assert refused.status_code == 409
    assert problem(refused)["code"] == "retries_exhausted"
    assert int(refused.headers["Retry-After"]) > 0
    assert len(everything(PaymentAttempt)) == 3


def test_leave_warning(at_bank: AtBank, make: Factories, rows: Flask) -> None:
    """Only while a payment is on its way; what the mark does: tests/browser/test_leaving.py."""
    pages, link = Pages(rows), make.link()

    def warns(page: str = "") -> bool:
        return bool(soup(pages.get(f"/pay/{link.code}{page}")).select("[data-in-flight]"))

    session = create(pages.client, link)
    assert not warns()
    act(pages.client, session, "resume")
    assert warns("/processing")
    pay_and_complete(at_bank, pages.client, session)
    assert not warns("/success")


@pytest.mark.parametrize("was_paid", [False, True])
def test_cancel_while_paying(
    at_bank: AtBank, make: Factories, client: FlaskClient, was_paid: bool
) -> None:
    link = make.link()
    session = create(client, link)
    act(client, session, "resume")
    if was_paid:
        at_bank.press(newest(), "lose")
    canceled = act(client, session, "cancel")
    assert canceled.status_code == 200
    assert (data(canceled)["status"], data(canceled)["message"]) == (
        "CANCELLED",
        "Payment cancelled",
    )
    assert fresh(link).state is LinkState.OPEN
    step(make, link)
    if was_paid:
        assert fresh(link).state is LinkState.PAID, "the money had come before"
        assert look(client, session)["status"] == "COMPLETED"
        return
    assert (fresh(link).state, link.closing_for) == (LinkState.OPEN, None)
    assert at_bank.shows_closed(newest())
    assert create(client, link) != session, "it can be paid in another sitting"


def test_summary_endpoint(
    at_bank: AtBank, make: Factories, client: FlaskClient, rows: Flask
) -> None:
    link = make.link()
    session = create(client, link)
    at_bank.script("create_refused")
    for _ in range(2):
        act(client, session, "resume")
    support = Program(rows, make.shop)
    said = support.get(f"{SESSION}/{session}/summary").json
    assert said is not None
    assert said["data"] == look(client, session)
    first, second = everything(PaymentAttempt)
    assert first.state is AttemptState.FAILED
    reason = said["summary"]["attempts"][0].pop("reason")
    assert reason
    assert said["summary"] == {
        "reference": link.reference,
        "attempts": [
            {
                "reference": first.reference,
                "number": 1,
                "status": "FAILED",
                "startedAt": clock.iso(first.created_at),
            },
            {
                "reference": second.reference,
                "number": 2,
                "status": "PENDING",
                "startedAt": clock.iso(second.created_at),
                "reason": None,
            },
        ],
    }
    assert client.get(f"{SESSION}/{session}/summary").status_code == 401


def test_active_sessions(
    at_bank: AtBank, make: Factories, rows: Flask, client: FlaskClient
) -> None:
    paying, waiting, left = (create(client, make.link()) for _ in range(3))
    act(client, paying, "resume")
    act(client, left, "cancel")
    listed = data(Program(rows, make.shop).get("/api/payments/sessions/active"))
    assert listed == [look(client, waiting), look(client, paying)]
    assert data(Program(rows, make.merchant()).get("/api/payments/sessions/active")) == []
    pay_and_complete(at_bank, client, paying)
    left_over = data(Program(rows, make.shop).get("/api/payments/sessions/active"))
    assert [one["sessionId"] for one in left_over] == [waiting]
