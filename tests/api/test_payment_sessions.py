"""A buyer's sitting, for programs: who may have it, and what is refused how."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.programs import Program, data, problem
from tests.factories import Factories, everything, fresh, paid
from tests.house.test_bad_input import books
from tests.web.desk import desk_of
from webapp.core import clock
from webapp.core.states import SessionState
from webapp.domain.payments import links, sessions, settlement
from webapp.extensions import settings
from webapp.models import PaymentAttempt, PaymentLink, PaymentSession

CREATE = "/api/payments/session/create"
ACTS = ("resume", "complete", "cancel")


def create(client: FlaskClient, link: PaymentLink) -> str:
    answer = client.post(CREATE, json={"orderId": link.code})
    assert answer.status_code == 201
    return f"/api/payments/session/{data(answer)['sessionId']}"


def begun() -> PaymentSession:
    return everything(PaymentSession)[-1]


@pytest.mark.parametrize("name", ["public_id", "code", "reference"])
def test_a_sitting_is_begun_by_any_of_the_links_names(
    make: Factories, client: FlaskClient, name: str
) -> None:
    link = make.link()
    answer = client.post(CREATE, json={"orderId": str(getattr(link, name))})
    assert answer.status_code == 201
    row = begun()
    assert answer.json == {
        "data": {
            "sessionId": row.reference,
            "status": "INITIATED",
            "attemptCount": 0,
            "maxAttempts": 3,
            "expiresAt": clock.iso(row.expires_at),
            "canResume": True,
            "message": "Ready to pay",
        }
    }
    assert answer.headers["Location"] == (
        f"{settings.base_url}/api/payments/session/{row.reference}"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert everything(PaymentAttempt) == [], "nothing is started by it"


def test_the_browser_is_known_again_by_two_cookies(make: Factories, client: FlaskClient) -> None:
    link = make.link()
    answer = client.post(CREATE, json={"orderId": link.code})
    session = data(answer)["sessionId"]
    for path in (f"/pay/{link.code}", f"/api/payments/session/{session}"):
        cookie = client.get_cookie("sitting", path=path)
        assert cookie is not None, path
        assert (cookie.http_only, cookie.same_site) == (True, "Lax")
        assert sessions.is_token(link.code, cookie.value)
        assert cookie.value not in answer.get_data(as_text=True)


def test_all_routes_answer_the_same_object(make: Factories, client: FlaskClient) -> None:
    path = create(client, make.link())
    shown = client.get(path)
    assert (shown.status_code, shown.headers["X-Poll-After"]) == (200, "2")
    canceled = client.post(f"{path}/cancel")
    assert set(data(canceled)) == set(data(shown))
    assert data(canceled) == data(shown) | {
        "status": "CANCELLED",
        "message": "Payment cancelled",
        "canResume": False,
    }
    assert canceled.headers["X-Poll-After"] == "stop"


def test_looking_changes_no_row(make: Factories, client: FlaskClient) -> None:
    path = create(client, make.link())
    before = books()
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert books() == before


def test_another_browser_has_no_sitting(make: Factories, client: FlaskClient, rows: Flask) -> None:
    path = create(client, make.link())
    before = books()
    for stranger in (rows.test_client(), other_buyer(rows, make)):
        assert stranger.get(path).status_code == 404
        for act in ACTS:
            answer = stranger.post(f"{path}/{act}")
            assert problem(answer)["code"] == "not_found"
        assert stranger.get(f"{path}/summary").status_code == 401
        assert stranger.get("/api/payments/sessions/active").status_code == 401
    assert before != books(), "the other buyer has a sitting of their own"
    assert {row.state for row in everything(PaymentSession)} == {SessionState.INITIATED}


def other_buyer(rows: Flask, make: Factories) -> FlaskClient:
    """Return a browser with a sitting of its own, which shows its cookie everywhere."""
    client = rows.test_client()
    link = make.link()
    create(client, link)
    cookie = client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    client.set_cookie("sitting", cookie.value, path="/")
    return client


def test_the_merchant_sees_their_buyers_sittings_by_key_and_at_the_desk(
    make: Factories, client: FlaskClient, rows: Flask
) -> None:
    link = make.link()
    path = create(client, link)
    desk = desk_of(rows, make).client
    for headers, who in ((Program(rows, make.shop).headers, rows.test_client()), ({}, desk)):
        assert data(who.get(path, headers=headers)) == data(client.get(path))
        summary = who.get(f"{path}/summary", headers=headers)
        assert summary.json == {
            "data": data(client.get(path)),
            "summary": {"reference": link.reference, "attempts": []},
        }
        listed = who.get("/api/payments/sessions/active", headers=headers)
        assert data(listed) == [data(client.get(path))]
        assert listed.headers["Cache-Control"] == "no-store"


def test_another_merchant_sees_nothing_on_any_route(
    make: Factories, client: FlaskClient, rows: Flask
) -> None:
    link = make.link()
    path = create(client, link)
    other = make.merchant()
    strangers: tuple[tuple[dict[str, str], FlaskClient], ...] = (
        (Program(rows, other).headers, rows.test_client()),
        ({}, desk_of(rows, make, other).client),
    )
    before = [(row.reference, row.state) for row in everything(PaymentSession)]
    for headers, who in strangers:
        assert who.get(path, headers=headers).status_code == 404
        assert who.get(f"{path}/summary", headers=headers).status_code == 404
        for act in ACTS:
            assert who.post(f"{path}/{act}", headers=headers).status_code == 404
        assert data(who.get("/api/payments/sessions/active", headers=headers)) == []
    for name in (link.reference, link.code, str(link.public_id)):
        answer = Program(rows, other).post(CREATE, {"orderId": name})
        assert answer.status_code == 404
    assert [(row.reference, row.state) for row in everything(PaymentSession)] == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil"])
def test_a_page_of_another_site_moves_nothing(
    make: Factories, client: FlaskClient, rows: Flask, origin: str
) -> None:
    link = make.link()
    path = create(client, link)
    desk = desk_of(rows, make).client
    before = books()
    for who in (client, desk):
        for act in ACTS:
            answer = who.post(f"{path}/{act}", headers={"Origin": origin})
            assert problem(answer)["code"] == "forbidden"
        answer = who.post(CREATE, json={"orderId": link.code}, headers={"Origin": origin})
        assert answer.status_code == 403
    assert books() == before


def test_our_own_pages_and_programs_with_a_key_are_let_in(
    make: Factories, client: FlaskClient, rows: Flask
) -> None:
    path = create(client, make.link())
    for origin in (settings.base_url, "http://localhost"):
        assert client.post(f"{path}/complete", headers={"Origin": origin}).status_code == 200
    program = Program(rows, make.shop)
    headers = {**program.headers, "Origin": "https://shop.example"}
    assert program.client.post(f"{path}/complete", headers=headers).status_code == 200


@pytest.mark.parametrize("is_swept", [False, True])
def test_when_its_time_has_passed_it_is_gone(
    make: Factories, client: FlaskClient, rows: Flask, is_swept: bool
) -> None:
    path = create(client, make.link())
    make.change(begun(), expires_at=clock.now() - timedelta(seconds=1))
    if is_swept:
        assert sessions.expire_due() == 1
    for answer in (client.get(path), *(client.post(f"{path}/{act}") for act in ACTS)):
        assert answer.status_code == 410
        assert (problem(answer)["code"], problem(answer)["detail"]) == (
            "session_over",
            "Session not found",
        )
    summary = Program(rows, make.shop).get(f"{path}/summary")
    assert data(summary)["sessionId"] == begun().reference


def test_all_attempts_used_is_a_conflict_and_says_so(make: Factories, client: FlaskClient) -> None:
    path = create(client, make.link())
    make.change(begun(), state=SessionState.FAILED_MAX_RETRIES, attempt_count=3)
    answer = client.post(f"{path}/resume")
    assert answer.status_code == 409
    assert problem(answer)["code"] == "retries_exhausted"
    said = data(client.get(path))
    assert (said["status"], said["canResume"]) == ("FAILED_MAX_RETRIES", False)
    assert said["message"] == "Maximum retry attempts exceeded."


def test_a_link_that_takes_no_payment_begins_no_sitting(
    make: Factories, client: FlaskClient
) -> None:
    canceled = links.cancel(make.shop, make.link().reference, actor="test")
    answer = client.post(CREATE, json={"orderId": canceled.code})
    assert answer.status_code == 409
    assert problem(answer)["code"] == "link_not_payable"
    assert client.post(CREATE, json={"orderId": make.draft().code}).status_code == 404
    assert everything(PaymentSession) == []


def test_where_the_tickets_go_is_asked_for_in_the_programs_words(
    make: Factories, client: FlaskClient
) -> None:
    link = make.link(buyer_email=None)
    wrong = client.post(CREATE, json={"orderId": link.code, "buyerEmail": "nobody"})
    assert (wrong.status_code, problem(wrong)["field"]) == (422, "buyerEmail")
    path = create(client, link)
    for said in ({}, {"buyerEmail": "nobody"}, {"buyerEmail": ""}):
        answer = client.post(f"{path}/resume", json=said)
        assert (answer.status_code, problem(answer)["field"]) == (422, "buyerEmail")
    assert everything(PaymentAttempt) == []


def refused(client: FlaskClient, path: str, body: str | bytes, kind: str) -> TestResponse:
    before = books()
    answer = client.post(path, data=body, content_type=kind)
    assert books() == before
    return answer


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("", 400, None),
        ("{", 400, None),
        ('{"orderId": "x"} more', 400, None),
        ('{"a":' * 100_000, 400, None),
        (b"\xff\xfe", 400, None),
        ("null", 422, "body"),
        ("[]", 422, "body"),
        ('"x"', 422, "body"),
        ("{}", 422, "orderId"),
        ('{"orderId": null}', 422, "orderId"),
        ('{"orderId": 7}', 422, "orderId"),
        ('{"orderId": ""}', 422, "orderId"),
        ('{"orderId": "a b"}', 422, "orderId"),
        ('{"orderId": "a\\u0000"}', 422, "orderId"),
        ('{"orderId": "ORD-1\\n"}', 422, "orderId"),
        ('{"orderId": "ORD-1", "buyerEmail": 1}', 422, "buyerEmail"),
        ('{"orderId": "ORD-1", "buyerEmail": "' + "x" * 400 + '"}', 422, "buyerEmail"),
        ('{"orderId": "ORD-1", "amount": 1}', 422, "amount"),
        ('{"order_id": "ORD-1"}', 422, "orderId"),
        ('{"orderId": "ORD-1"}', 404, None),
    ],
)
def test_what_a_program_sends_is_read_strictly(
    client: FlaskClient, body: str | bytes, status: int, field: str | None
) -> None:
    answer = refused(client, CREATE, body, "application/json")
    assert answer.status_code == status
    assert problem(answer).get("field") == field


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_sent_as_json_is_not_read(
    make: Factories, client: FlaskClient, kind: str
) -> None:
    link = make.link()
    answer = refused(client, CREATE, f'{{"orderId": "{link.code}"}}', kind)
    assert answer.status_code == 415
    path = create(client, link)
    for act in ACTS:
        assert refused(client, f"{path}/{act}", "{}", kind).status_code == 415
        assert refused(client, f"{path}/{act}", '{"x": 1}', "application/json").status_code == 422


@pytest.mark.parametrize("name", ["0", "%00", "ses-", "SES-ABC", "ses-" + "x" * 300, "create"])
def test_what_is_no_sitting_is_not_there(client: FlaskClient, name: str) -> None:
    path = f"/api/payments/session/{name}"
    assert client.get(path).status_code == 404
    for act in ACTS:
        assert client.post(f"{path}/{act}").status_code == 404


def test_a_sitting_that_was_paid_stays_there_after_its_time(
    make: Factories, client: FlaskClient
) -> None:
    link = make.link()
    path = create(client, link)
    cookie = client.get_cookie("sitting", path=f"/pay/{link.code}")
    assert cookie is not None
    attempt = make.pending(link, token=cookie.value)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    make.change(begun(), expires_at=clock.now() - timedelta(hours=1))
    assert data(client.get(path))["status"] == "COMPLETED"
    assert fresh(begun()).state is SessionState.COMPLETED
