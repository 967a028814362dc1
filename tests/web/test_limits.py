"""How often anybody may ask: refused in time, told how long to wait, and never slowed by Redis."""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from dev.processes import Processes
from dev.redis import Redis
from tests.api.programs import Program
from tests.conftest import Configure
from tests.factories import Factories
from tests.pages import Pages, words
from tests.sandbox.process import eventually
from webapp.config import Settings
from webapp.extensions import QUEUE_TIMEOUT_S, connect_redis, db, queue_redis
from webapp.factory import create_app
from webapp.web import limits
from webapp.web.limits import Group, group_of
from webapp.web.poll_counts import PollCounts
from webapp.web.refused_counts import RefusedCounts

FREE = (
    "/desk",
    "/dev/mail",
    "/hooks/",
    "/health/",
    "/api/health",
    "/pay/<code>/status",
)
POLLED = {
    "/api/payment-links/<name>/status",
    "/api/payment-links/<name>/refresh",
    "/api/payments/session/<reference>",
    "/desk/links/rows",
    "/desk/links/<reference>/panel",
}


@pytest.fixture(autouse=True)
def _counted_anew(app: Flask) -> Iterator[None]:
    limits.REFUSED.__init__()  # type: ignore[misc]  # it tells once a second
    lane = app.extensions["tillgate.status_lane"]
    lane.counts = PollCounts()
    yield
    lane.counts = PollCounts()


def retry_after(answer: TestResponse) -> int:
    return int(answer.headers["Retry-After"])


def test_every_route_is_in_one_group_or_is_free_for_a_reason(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"OPTIONS"}:
            found = group_of(method, rule.rule)
            if rule.rule in POLLED:
                expected = Group.POLLS
            elif rule.rule.startswith(FREE):
                expected = None
            elif rule.rule.startswith("/api/"):
                expected = Group.API
            else:
                expected = Group.PAGES
            assert found is expected, (method, rule.rule)


def test_every_polled_route_is_there(app: Flask) -> None:
    assert {rule.rule for rule in app.url_map.iter_rules()} >= POLLED


def test_a_page_is_refused_to_whoever_fetches_it_too_often_and_to_nobody_else(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_pages=3)
    link, other = make.link(), make.link()
    for _ in range(3):
        assert pages.get(f"/pay/{link.code}").status_code == 200
    refused = pages.get(f"/pay/{link.code}")
    assert refused.status_code == 429
    assert 1 <= retry_after(refused) <= 60
    assert "One moment" in words(refused)
    assert "Set-Cookie" not in refused.headers
    assert pages.get(f"/pay/{link.code}/expired").status_code == 429, (
        "the link's pages count as one"
    )
    assert pages.get(f"/pay/{other.code}").status_code == 200
    elsewhere = pages.client.get(
        f"/pay/{link.code}", environ_overrides={"REMOTE_ADDR": "203.0.113.7"}
    )
    assert elsewhere.status_code == 200


def test_behind_a_proxy_the_address_is_what_the_proxy_wrote(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_pages=1, base_url="https://pay.example")
    link = make.link()
    first = {"X_Forwarded_For": "198.51.100.1, 203.0.113.7"}
    assert pages.get(f"/pay/{link.code}", **first).status_code == 200
    pretending = {"X_Forwarded_For": "198.51.100.2, 203.0.113.7"}
    assert pages.get(f"/pay/{link.code}", **pretending).status_code == 429
    another = {"X_Forwarded_For": "198.51.100.1, 203.0.113.8"}
    assert pages.get(f"/pay/{link.code}", **another).status_code == 200


def test_a_program_is_refused_with_a_problem_document_and_counted_by_its_key(
    app: Flask, make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_api=2)
    mine, theirs = Program(app, make.shop), Program(app, make.shop)
    for _ in range(2):
        assert mine.get("/api/payments/sessions/active").status_code == 200
    refused = mine.get("/api/payment/verify", reference="ORD-1")
    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert refused.get_json()["code"] == "too_often"
    assert 1 <= retry_after(refused) <= 15 * 60
    assert theirs.get("/api/payments/sessions/active").status_code == 200
    assert pages.get("/api/payments/sessions/active").status_code == 401


def test_polls_by_programs_have_a_limit_of_their_own(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_api=1, limit_polls=3)
    link, other = make.link(), make.link()
    path = f"/api/payment-links/{link.code}/status"
    for _ in range(3):
        assert pages.get(path).status_code == 200
    refused = pages.get(path)
    assert refused.status_code == 429
    assert refused.get_json()["code"] == "too_often"
    assert 1 <= retry_after(refused) <= 60
    assert pages.get(f"/api/payment-links/{other.code}/status").status_code == 200


def test_one_address_polls_so_often_whatever_it_polls(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_polls_per_address=2)
    for _ in range(2):
        path = f"/api/payment-links/{make.link().code}/status"
        assert pages.get(path).status_code == 200
    path = f"/api/payment-links/{make.link().code}/status"
    assert pages.get(path).status_code == 429
    assert pages.get("/desk/links/rows").status_code == 429, "before anybody asks who that is"


def test_health_and_notices_are_never_refused(
    rows: Flask, pages: Pages, configure: Configure
) -> None:
    configure(limit_api=1, limit_pages=1, limit_polls=1, limit_polls_per_address=1)
    for _ in range(3):
        assert pages.get("/api/health").status_code == 200
        assert pages.get("/health/ready").status_code != 429
        assert pages.client.post("/hooks/sandbox/nobody").status_code == 404


def test_the_fragment_is_refused_in_few_words_for_one_link_and_one_address(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_polls=3, limit_polls_per_address=5)
    link, other = make.link(), make.link()
    known = pages.get(f"/pay/{link.code}/status?on=pay").headers["ETag"]
    for tag in (known, f"W/{known}"):
        answer = pages.get(f"/pay/{link.code}/status?on=pay", If_None_Match=tag)
        assert answer.status_code == 304, "polls count, whoever answers them"
    refused = pages.get(f"/pay/{link.code}/status?on=pay", If_None_Match=known)
    assert refused.status_code == 429
    assert refused.mimetype == "text/plain"
    assert 1 <= retry_after(refused) <= 60
    assert "X-Poll-After" not in refused.headers
    assert "Set-Cookie" not in refused.headers
    assert refused.headers["Cache-Control"] == "no-store"
    lower = f"/pay/{link.code.lower()}/status?on=pay"
    assert pages.get(lower).status_code == 429, "it is the same link"
    assert pages.get(f"/pay/{other.code}/status?on=pay").status_code == 429, "five from here"
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    path = f"/pay/{other.code}/status?on=pay"
    assert pages.client.get(path, environ_overrides=elsewhere).status_code == 200
    assert pages.client.head(path, environ_overrides=elsewhere).status_code == 200
    assert pages.client.get(path, environ_overrides=elsewhere).status_code == 200
    assert pages.client.head(path, environ_overrides=elsewhere).status_code == 429


def test_the_counter_knows_nobodys_name(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    queue_redis.flushdb()
    link = make.link()
    pages.get(f"/pay/{link.code}")
    pages.get("/api/payments/sessions/active", Authorization="Bearer of-somebody")
    kept = b" ".join(queue_redis.scan_iter(match="LIMITS*"))
    assert kept.count(b"LIMITS") == 2
    for private in (link.code, "of-somebody", "127.0.0.1"):
        assert private.encode() not in kept


def test_a_refusal_is_told_in_the_log_with_how_many_there_were(
    make: Factories, pages: Pages, configure: Configure
) -> None:
    configure(limit_pages=1)
    link = make.link()
    with capture_logs() as said:
        for _ in range(4):
            pages.get(f"/pay/{link.code}")
    assert [line["event"] for line in said] == ["rate_limited"]
    assert said[0]["group"] == "pages"
    assert link.code not in repr(said)


def test_refusals_between_two_lines_are_told_by_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("webapp.web.refused_counts.time.monotonic", lambda: now[0])
    counts = RefusedCounts()
    with capture_logs() as said:
        for seconds in (0, 0.1, 0.1, 0.9):
            now[0] += seconds
            counts.note("pages")
    assert [line["count"] for line in said] == [1, 3]


def test_counts_of_polls_begin_anew_every_minute() -> None:
    now = [1000.0]
    counts = PollCounts(clock=lambda: now[0])
    assert [counts.hit({"a": 2}) for _ in range(3)] == [0, 0, 60]
    assert counts.hit({"b": 2}) == 0
    now[0] += 59.5
    assert counts.hit({"a": 2}) == 1
    now[0] += 0.5
    assert counts.hit({"a": 2}) == 0


def test_counts_of_polls_take_no_more_room_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.web.poll_counts._MOST", 3)
    counts = PollCounts()
    for number in range(10):
        assert counts.hit({str(number): 1}) == 0
    assert len(counts._counts) == 3
    assert counts.hit({"0": 1}) > 0, "who was counted goes on being counted"


@pytest.fixture
def alone(app: Flask) -> Iterator[tuple[Flask, redis.Redis]]:
    """An app with a Redis of its own, and a client that may wait for it."""
    with (
        tempfile.TemporaryDirectory(prefix="redis-") as folder,
        Processes(Path(folder) / "log") as processes,
    ):
        server = Redis(processes, Path(folder) / "run")
        server.start()
        values = app.extensions["tillgate.settings"].model_dump()
        own = create_app(Settings.model_validate(values | {"redis_url": server.url}))
        client = connect_redis(server.url, timeout_s=None)
        yield own, client
        client.close()
        with own.app_context():
            queue_redis.close()
            db.engine.dispose()
        own.extensions["tillgate.status_lane"].reads.close()


def test_a_hung_redis_costs_one_request_a_moment_and_the_limits_hold(
    make: Factories, alone: tuple[Flask, redis.Redis], caplog: pytest.LogCaptureFixture
) -> None:
    own, client = alone
    own.extensions["tillgate.settings"] = Settings.model_validate(
        own.extensions["tillgate.settings"].model_dump() | {"limit_pages": 3}
    )
    link = make.link()
    visitor = own.test_client()
    pid = client.info()["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        took, statuses = [], []
        for _ in range(10):
            began = time.monotonic()
            statuses.append(visitor.get(f"/pay/{link.code}").status_code)
            took.append(time.monotonic() - began)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert statuses == [200] * 3 + [429] * 7, "this process goes on counting"
    assert max(took) < 5
    assert min(took[1:3]) < QUEUE_TIMEOUT_S, "pages do not wait once it is known"
    assert min(took[3:]) < QUEUE_TIMEOUT_S, "refusals do not wait either"
    fallen = [record for record in caplog.records if record.name == "flask-limiter"]
    assert sum(record.levelno >= logging.WARNING for record in fallen) == 1


def test_polls_go_on_while_redis_hangs(make: Factories, alone: tuple[Flask, redis.Redis]) -> None:
    own, client = alone
    path = f"/pay/{make.pending().link.code}/status?on=processing"
    visitor = own.test_client()
    known = visitor.get(path).headers["ETag"]
    pid = client.info()["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(20):
            assert visitor.get(path, headers={"If-None-Match": known}).status_code == 304
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    assert took < 20 * QUEUE_TIMEOUT_S, "no poll waits for what it wishes"
    wishes = own.extensions["tillgate.status_lane"]._wishes
    eventually(lambda: not wishes._is_asking)
