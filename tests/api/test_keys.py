"""Keys for programs: who holds one speaks for its merchant, until it is revoked."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from tests.api.programs import Program, data, problem
from tests.factories import Factories, everything, fresh
from tests.pages import Pages, words
from tests.web.desk import desk_of, sign_in, user_of
from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.domain.desk import api_keys
from webapp.models import ApiKey, PaymentEvent, User

ACTIVE = "/api/payments/sessions/active"


def verify(client: FlaskClient, reference: str, **headers: str) -> int:
    query = {"reference": reference}
    answer = client.get("/api/payment/verify", query_string=query, headers=headers)
    return answer.status_code


def test_a_key_opens_what_is_its_merchants(make: Factories, client: FlaskClient) -> None:
    link = make.link()
    _, said = api_keys.make(make.shop, "Shop", made_by="test")
    assert verify(client, link.reference) == 401
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert verify(client, link.reference, Authorization=f"{scheme} {said}") == 200


def test_another_merchants_key_opens_nothing_of_it(make: Factories, rows: Flask) -> None:
    link = make.link()
    stranger = Program(rows, make.merchant())
    for name in (link.reference, link.code, str(link.public_id)):
        assert stranger.get("/api/payment/verify", reference=name).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said[:-1],
        lambda said: said[:-1] + ("A" if said[-1] != "A" else "B"),
        lambda said: said.upper(),
        lambda said: f"{said} {said}",
        lambda said: said.replace("tgk_", ""),
        lambda _: "",
        lambda _: "tgk_" + "a" * 10 + "_" + "b" * 43,
        lambda _: "ü" * 40,
        lambda _: "x" * 20_000,
    ],
)
def test_what_is_no_key_is_told_so_even_where_somebody_is_signed_in(
    make: Factories, rows: Flask, change: object
) -> None:
    assert callable(change)
    _, said = api_keys.make(make.shop, "Shop", made_by="test")
    sent = f"Bearer {change(said)}".encode().decode("latin-1")
    for client in (rows.test_client(), desk_of(rows, make).client):
        answer = client.get(ACTIVE, headers={"Authorization": sent})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert problem(answer)["code"] == "not_signed_in"


def test_a_revoked_key_opens_nothing_from_the_next_request_on(make: Factories, rows: Flask) -> None:
    link, program = make.link(), Program(rows, make.shop)
    assert program.get("/api/payment/verify", reference=link.code).status_code == 200
    (key,) = everything(ApiKey)
    api_keys.revoke(make.shop, key.prefix, actor="test")
    first = fresh(key).revoked_at
    assert program.get("/api/payment/verify", reference=link.code).status_code == 401
    api_keys.revoke(make.shop, key.prefix, actor="test")
    assert fresh(key).revoked_at == first, "it ended once"


def test_its_use_is_noted_at_most_once_a_minute(make: Factories) -> None:
    key, said = api_keys.make(make.shop, "Shop", made_by="test")
    assert key.last_used_at is None
    api_keys.of(said)
    first = fresh(key).last_used_at
    assert first is not None
    api_keys.of(said)
    assert fresh(key).last_used_at == first
    make.change(key, last_used_at=clock.now() - timedelta(seconds=61))
    api_keys.of(said)
    again = fresh(key).last_used_at
    assert again is not None
    assert again > first


def test_the_key_is_stored_and_logged_nowhere(make: Factories, rows: Flask) -> None:
    with capture_logs() as logs:
        key, said = api_keys.make(make.shop, "Shop", made_by="test")
        api_keys.of(said)
        api_keys.revoke(make.shop, key.prefix, actor="test")
    secret = said.split("_", 2)[2]
    columns = {column.name: getattr(key, column.name) for column in ApiKey.__table__.columns}
    assert secret not in str(columns)
    assert secret not in str(logs)
    assert [log["event"] for log in logs] == ["programs_key_made", "programs_key_revoked"]


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\x00b", "a\nb"])
def test_a_name_that_can_be_none_makes_no_key(make: Factories, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        api_keys.make(make.shop, name, made_by="test")
    assert caught.value.field == "name"
    assert everything(ApiKey) == []


def test_there_are_only_so_many_and_revoking_one_makes_room(
    make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 2)
    first, _ = api_keys.make(make.shop, "One", made_by="test")
    api_keys.make(make.shop, "Two", made_by="test")
    with pytest.raises(InvalidInputError):
        api_keys.make(make.shop, "Three", made_by="test")
    api_keys.make(make.merchant(), "Another shop's", made_by="test")
    api_keys.revoke(make.shop, first.prefix, actor="test")
    api_keys.make(make.shop, "Three", made_by="test")


def test_whom_the_desk_is_not_for_is_nobody_here(make: Factories, rows: Flask) -> None:
    pages = Pages(rows)
    sign_in(pages, user_of(make.shop, role="scanner").email)
    answer = pages.client.get(ACTIVE)
    assert answer.status_code == 401
    assert problem(answer)["detail"]


def test_the_trail_names_the_program_and_the_desk_says_it_in_words(
    make: Factories, rows: Flask
) -> None:
    program, link = Program(rows, make.shop), make.link()
    begun = data(program.post("/api/payments/session/create", {"orderId": link.code}))
    program.post(f"/api/payments/session/{begun['sessionId']}/cancel")
    (key,) = everything(ApiKey)
    last = everything(PaymentEvent)[-1]
    assert (last.name, last.actor) == ("session_canceled", f"key:{key.prefix}")
    page = desk_of(rows, make).get(f"/desk/links/{link.reference}")
    assert "one of your programs" in words(page)


def test_the_trail_names_who_acts_from_the_desk(make: Factories, rows: Flask) -> None:
    path = f"/api/payments/session/{make.pending().session.reference}"
    assert desk_of(rows, make).client.post(f"{path}/cancel").status_code == 200
    (owner,) = everything(User)
    told = {event.name: event.actor for event in everything(PaymentEvent)}
    assert told["session_canceled"] == told["closing_begun"] == f"user:{owner.id}"
