"""`GET /api/payment/verify`: asks the provider, settles, and says how the order stands."""

from typing import Any

import pytest
import redis
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Configure
from tests.domain.at_bank import AtBank
from tests.domain.silent_bank import SilentBank
from tests.factories import Factories, everything, fresh
from tests.pages import Pages
from tests.web.desk import desk_of
from webapp.core.states import LinkState
from webapp.extensions import connect_redis
from webapp.models import Capture


def ask(pages: Pages, reference: str) -> TestResponse:
    return pages.client.get("/api/payment/verify", query_string={"reference": reference})


def data(answer: TestResponse) -> Any:
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json is not None
    return answer.json["data"]


@pytest.mark.parametrize("name", ["order", "attempt", "checkout", "code", "payment"])
def test_an_order_is_verified_by_whatever_name_it_has(
    at_bank: AtBank, make: Factories, rows: Flask, name: str
) -> None:
    owner, attempt = desk_of(rows, make), at_bank.start()
    at_bank.press(attempt, "lose")
    names = {
        "order": attempt.link.reference,
        "attempt": attempt.reference,
        "checkout": str(attempt.checkout_id),
        "code": attempt.link.code.lower(),
    }
    if name == "payment":
        ask(owner, names["order"])
        names["payment"] = everything(Capture)[0].payment_reference
    answer = ask(owner, names[name])
    assert answer.status_code == 200
    link = fresh(attempt.link)
    assert link.paid_at is not None
    assert data(answer) == {
        "reference": link.reference,
        "status": "PAID",
        "amount": "25.00",
        "currency": "EUR",
        "paidAt": data(answer)["paidAt"],
        "verified": True,
        "message": "Paid",
    }
    assert data(answer)["paidAt"].endswith("Z")
    assert len(everything(Capture)) == 1


def test_one_that_nobody_has_paid_is_verified_as_open(
    at_bank: AtBank, make: Factories, rows: Flask
) -> None:
    owner, attempt = desk_of(rows, make), at_bank.start()
    said = data(ask(owner, attempt.reference))
    assert (said["status"], said["verified"], said["paidAt"]) == ("OPEN", True, None)
    said = data(ask(owner, make.link().reference))
    assert (said["status"], said["verified"]) == ("OPEN", False), "nobody was asked"


def test_a_provider_that_does_not_answer_makes_it_202_within_the_limit(
    make: Factories, rows: Flask, configure: Configure
) -> None:
    bank = SilentBank()
    configure(sandbox_url=bank.url, verify_within_s=0.3)
    owner, attempt = desk_of(rows, make), make.pending()
    try:
        answer = ask(owner, attempt.reference)
    finally:
        bank.hang_up()
    assert answer.status_code == 202
    assert (data(answer)["verified"], data(answer)["status"]) == (False, "OPEN")
    assert "asked again by itself" in data(answer)["message"]
    assert fresh(attempt.link).state is LinkState.OPEN


@pytest.mark.parametrize("fault", ["read_missing", "read_foreign"])
def test_an_answer_that_is_not_about_the_checkout_verifies_nothing(
    at_bank: AtBank, make: Factories, rows: Flask, fault: str
) -> None:
    owner, attempt = desk_of(rows, make), at_bank.start()
    if fault == "read_missing":
        make.change(attempt, checkout_id="chk-nowhere")
    else:
        make.change(attempt, request={**attempt.request, "reference": "att-of-another"})
    assert data(ask(owner, attempt.link.reference))["verified"] is False


def test_another_merchants_order_is_not_there(make: Factories, rows: Flask) -> None:
    attempt = make.pending()
    stranger = desk_of(rows, make, make.merchant())
    for name in (attempt.reference, attempt.link.reference, attempt.link.code, "chk-1", "%", "x'"):
        assert ask(stranger, name).status_code == 404


def test_who_has_not_signed_in_is_told_so(make: Factories, rows: Flask) -> None:
    answer = ask(Pages(rows), make.link().reference)
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("reference", ["", " ", "x" * 129, "a\x00b"])
def test_a_name_that_can_be_none_is_refused(make: Factories, rows: Flask, reference: str) -> None:
    answer = ask(desk_of(rows, make), reference)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["field"] == "reference"


def test_one_order_is_asked_for_so_often_and_no_more(
    at_bank: AtBank, make: Factories, rows: Flask, configure: Configure
) -> None:
    configure(verify_per_minute=2)
    owner, attempt, other = desk_of(rows, make), at_bank.start(), at_bank.start()
    statuses = [ask(owner, attempt.reference).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = ask(owner, attempt.link.reference)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ask(owner, other.reference).status_code == 200


def test_without_redis_nobody_is_kept_from_asking(
    at_bank: AtBank, make: Factories, rows: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, attempt = desk_of(rows, make), at_bank.start()
    nobody: redis.Redis = connect_redis("redis://127.0.0.1:1", timeout_s=0.2)
    monkeypatch.setitem(rows.extensions, "tillgate.queue_redis", nobody)
    assert ask(owner, attempt.reference).status_code == 200
    nobody.close()
