import json
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.factories import Factories
from webapp.core import clock
from webapp.core.sandbox_keys import account_keys
from webapp.core.states import LinkState
from webapp.extensions import connect_redis, db, queue_redis, settings
from webapp.models import PaymentAttempt, ProviderNotice
from webapp.sandbox.notices import signature


def sign(attempt: PaymentAttempt, body: bytes) -> dict[str, str]:
    """Sign a body as the bank does for this attempt's account."""
    secret = settings.sandbox_secret.get_secret_value()
    keys = account_keys(secret, attempt.provider_account.external_account)
    moment = int(clock.now().timestamp())
    return {"Sandbox-Signature": signature(keys.notice_secret, body, moment)}


def notice(attempt: PaymentAttempt, **changes: Any) -> bytes:
    """Write a notice about an attempt."""
    said = {
        "id": "ntc-1",
        "type": "checkout.updated",
        "checkout_id": attempt.checkout_id,
        "reference": attempt.reference,
        "created_at": clock.iso(clock.now()),
    }
    return json.dumps(said | changes).encode()


def send(client: FlaskClient, attempt: PaymentAttempt, body: bytes, **headers: str) -> TestResponse:
    """Send a body to the attempt's account."""
    path = f"/hooks/sandbox/{attempt.provider_account.hook_token}"
    return client.post(path, data=body, headers=sign(attempt, body) | headers)


def stored() -> int:
    """Count the notices that were kept."""
    return db.session.scalars(select(func.count()).select_from(ProviderNotice)).one()


def test_a_notice_is_kept_once_pulls_the_read_forward_and_decides_nothing(
    make: Factories, client: FlaskClient
) -> None:
    attempt = make.pending()
    body = notice(attempt, status="paid")
    for _ in range(3):
        assert send(client, attempt, body).status_code == 204
    db.session.refresh(attempt)
    assert stored() == 1
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= db.session.scalars(select(func.clock_timestamp())).one()
    assert attempt.link.state is LinkState.OPEN
    assert queue_redis.llen("rq:queue:checks") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sandbox-Signature": ""},
        {"Sandbox-Signature": "t=1,v1=00"},
        {"Sandbox-Signature": "nonsense"},
        {"Sandbox-Signature": "t=" + "9" * 400 + ",v1=" + "f" * 64},
    ],
)
def test_a_wrong_signature_is_refused_without_detail_and_changes_nothing(
    make: Factories, client: FlaskClient, headers: dict[str, str]
) -> None:
    attempt = make.pending()
    answer = send(client, attempt, notice(attempt), **headers)
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert "detail" not in answer.get_json()
    assert stored() == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"id": 7}', b"\xff\xfe", b'{"id":"x","type":"y"}']
)
def test_a_signed_body_that_makes_no_sense_is_refused(
    make: Factories, client: FlaskClient, body: bytes
) -> None:
    attempt = make.pending()
    assert send(client, attempt, body).status_code == 400
    assert stored() == 0


def test_an_oversized_body_is_refused_before_it_is_read(
    make: Factories, client: FlaskClient
) -> None:
    attempt = make.pending()
    answer = send(client, attempt, notice(attempt, padding="x" * 70_000))
    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"
    assert stored() == 0


def test_a_notice_about_a_checkout_we_never_made_is_kept_and_acknowledged(
    make: Factories, client: FlaskClient
) -> None:
    attempt = make.pending()
    body = notice(attempt, reference="att-unknown", checkout_id="chk-unknown")
    assert send(client, attempt, body).status_code == 204
    assert stored() == 1


def test_a_notice_is_found_by_our_reference_before_the_creates_answer_is_stored(
    make: Factories, client: FlaskClient
) -> None:
    attempt = make.created()
    body = notice(attempt, checkout_id="chk-not-stored-yet")
    assert send(client, attempt, body).status_code == 204
    db.session.refresh(attempt)
    assert attempt.next_check_at is not None
    assert attempt.next_check_at <= db.session.scalars(select(func.clock_timestamp())).one()


@pytest.mark.parametrize("path", ["/hooks/sandbox/wrong-token", "/hooks/nobody/token"])
def test_an_unknown_address_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.post(path, data=b"{}").status_code == 404


def test_a_notice_for_another_account_is_not_ours(make: Factories, client: FlaskClient) -> None:
    attempt = make.pending()
    make.merchant()
    other = make.merchant()
    assert other.id != attempt.link.merchant_id
    body = notice(attempt)
    forged = sign(attempt, body)
    token = db.session.scalars(
        select(type(attempt.provider_account).hook_token).filter_by(merchant_id=other.id)
    ).one()
    answer = client.post(f"/hooks/sandbox/{token}", data=body, headers=forged)
    assert answer.status_code == 400
    assert stored() == 0


def test_with_redis_away_the_notice_is_kept_all_the_same(
    make: Factories, client: FlaskClient, rows: Flask
) -> None:
    attempt = make.pending()
    there = rows.extensions["tillgate.queue_redis"]
    away: redis.Redis = connect_redis("redis://127.0.0.1:9/0", timeout_s=0.2)
    rows.extensions["tillgate.queue_redis"] = away
    try:
        assert send(client, attempt, notice(attempt)).status_code == 204
    finally:
        rows.extensions["tillgate.queue_redis"] = there
    assert stored() == 1


@pytest.mark.parametrize("path", ["sandbox/%00", "sandbox/a%00b", "sand%00box/x", "sandbox/%F0"])
def test_an_address_that_cannot_be_one_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.post(f"/hooks/{path}", data=b"{}").status_code == 404
