"""Whom a request is counted for: a key that is ours, or else the network that it comes from."""

from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.api.programs import Program
from tests.conftest import Configure
from tests.factories import Factories
from tests.pages import Pages
from webapp.domain.desk import api_keys
from webapp.extensions import db, queue_redis
from webapp.web.poll_counts import PollCounts


@pytest.fixture(autouse=True)
def _counted_anew(app: Flask) -> Iterator[None]:
    lane = app.extensions["tillgate.status_lane"]
    lane.counts = PollCounts()
    yield
    lane.counts = PollCounts()


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("limit_api", "/api/payments/sessions/active"),
        ("limit_polls", "/api/payment-links/{}/status"),
    ],
)
def test_who_invents_keys_is_counted_by_the_address(
    app: Flask, make: Factories, pages: Pages, configure: Configure, group: str, path: str
) -> None:
    configure(**{group: 4})
    path = path.format(make.link().code)
    real = Program(app, make.shop)
    invented = real.headers["Authorization"][:-8]
    sent = [f"{invented}{number:08}" for number in range(2)] + ["Bearer of-somebody", "Basic eDp5"]
    for said in sent:
        assert pages.get(path, Authorization=said).status_code in {200, 401}
    for said in (f"{invented}{9:08}", "Bearer", "Token x", ""):
        assert pages.get(path, Authorization=said).status_code == 429
    assert real.get(path).status_code == 200, "a key of ours counts for itself"


def test_one_key_is_counted_as_one_however_it_is_spelt(
    app: Flask, make: Factories, configure: Configure
) -> None:
    configure(limit_api=3)
    program = Program(app, make.shop)
    said = program.headers["Authorization"].partition(" ")[2]
    spelt = (f"Bearer {said}", f"bearer {said}", f"BEARER   {said} ", f"bEARER {said}")
    answers = []
    for number, authorization in enumerate(spelt):
        program.headers["Authorization"] = authorization
        answers.append(
            program.client.get(
                "/api/payments/sessions/active",
                headers=program.headers,
                environ_overrides={"REMOTE_ADDR": f"203.0.113.{number}"},
            ).status_code
        )
    assert answers == [200, 200, 200, 429]


def test_a_revoked_key_counts_for_nothing(
    app: Flask, make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_api=1)
    program = Program(app, make.shop)
    (key,) = api_keys.of_merchant(make.shop)
    api_keys.revoke(make.shop, key.prefix, actor="test")
    assert program.get("/api/payments/sessions/active").status_code == 401
    assert pages.get("/api/payments/sessions/active").status_code == 429


def test_a_database_that_is_away_leaves_the_counter_where_it_is(
    app: Flask, make: Factories, pages: Pages, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(limit_api=2)
    program = Program(app, make.shop)
    gone = OperationalError("SELECT", {}, Exception("gone"))
    monkeypatch.setattr(api_keys, "_find", Mock(side_effect=gone))
    for _ in range(2):
        assert program.get("/api/payments/sessions/active").status_code == 503
    assert program.get("/api/payments/sessions/active").status_code == 429
    assert len(list(queue_redis.scan_iter(match="LIMITS*"))) > 0, "Redis is there, and counts on"


def test_a_key_is_looked_up_without_holding_a_connection_while_a_body_dribbles(
    app: Flask, make: Factories
) -> None:
    program = Program(app, make.shop)
    said = program.headers["Authorization"].partition(" ")[2]
    with app.test_request_context():
        assert api_keys.known(said)
        assert not db.session().in_transaction()


def test_an_ipv6_customer_is_counted_as_one_whatever_its_address(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_pages=2, limit_polls_per_address=2)
    link = make.link()

    def status(path: str, address: str) -> int:
        answer = pages.client.get(path, environ_overrides={"REMOTE_ADDR": address})
        return answer.status_code

    page, poll = f"/pay/{link.code}", f"/pay/{link.code}/status?on=pay"
    mine = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2:a:b:c:d%eth0")
    for path in (page, poll):
        assert [status(path, address) for address in mine] == [200, 200, 429]
        assert status(path, "2001:db8:1:3::1") == 200
        mapped = [status(path, f"::ffff:203.0.113.{number}") for number in range(4)]
        assert mapped == [200] * 4, "those are as many customers"


def test_a_question_whether_a_site_may_ask_is_counted_where_the_database_answers_it(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_polls=2)
    path = f"/api/payment-links/{make.link().code}/status"
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    answers = [pages.client.options(path, headers=asking).status_code for _ in range(3)]
    assert answers == [204, 204, 429]


def test_a_program_is_told_how_much_is_left_and_a_page_is_not(
    app: Flask, make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_api=2)
    program = Program(app, make.shop)
    left = []
    for _ in range(3):
        answer = program.get("/api/payments/sessions/active")
        assert answer.headers["RateLimit-Limit"] == "2"
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= 15 * 60
        left.append((answer.status_code, answer.headers["RateLimit-Remaining"]))
    assert left == [(200, "1"), (200, "0"), (429, "0")]
    assert "RateLimit-Limit" not in pages.get(f"/pay/{make.link().code}").headers
