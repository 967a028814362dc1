"""The lane in front of Flask: it says "nothing new" as the view would, or nothing at all."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any, cast

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func
from werkzeug.test import TestResponse

from tests.factories import Factories
from tests.pages import Pages
from tests.sandbox.process import eventually
from tests.web.test_checkout import in_state
from tests.web.test_status import ON, STATES
from webapp.core.gathering import UnansweredError
from webapp.domain.payments import status as statuses
from webapp.domain.payments import timelines
from webapp.domain.payments.status_reads import StatusReads
from webapp.extensions import db, queue_redis
from webapp.models import PaymentLink
from webapp.web.status_lane import StatusLane

Ask = Callable[..., TestResponse]


@pytest.fixture
def lane(app: Flask) -> StatusLane:
    return cast(StatusLane, app.extensions["tillgate.status_lane"])


@pytest.fixture
def reached(lane: StatusLane, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the requests that the lane handed on."""
    seen: list[str] = []
    behind = lane._next

    def watch(environ: Any, start_response: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return behind(environ, start_response)

    monkeypatch.setattr(lane, "_next", watch)
    return seen


@pytest.fixture
def ask(pages: Pages, reached: list[str]) -> Iterator[Ask]:
    """Ask as the script does; what was handed on is forgotten first."""

    def asked(link: PaymentLink, on: str, tag: str = "", **options: Any) -> TestResponse:
        reached.clear()
        named = {"If-None-Match": tag} if tag else {}
        return pages.client.open(f"/pay/{link.code}/status?on={on}", headers=named, **options)

    yield asked
    reached.clear()


def of_view(app: Flask, link: PaymentLink, on: str, tag: str) -> dict[str, str]:
    """Return the headers of the view's own answer."""
    path = f"/pay/{link.code}/status?on={on}"
    with app.test_request_context(path, headers={"If-None-Match": tag}):
        answer = app.full_dispatch_request()
        assert answer.status_code == 304
        return dict(answer.headers)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("on", ON)
def test_the_lane_says_a_plain_304_as_the_view_says_it_and_hands_on_all_else(
    app: Flask, make: Factories, ask: Ask, reached: list[str], state: str, on: str
) -> None:
    link = in_state(make, state)
    first = ask(link, on)
    assert reached, "news are the view's"
    again = ask(link, on, first.headers["ETag"])
    if reached:
        is_elsewhere = "HX-Redirect" in again.headers
        assert is_elsewhere or state == "PAID", "a plain 304 is the lane's"
    else:
        assert again.status_code == 304
        assert again.get_data() == b""
        expected = of_view(app, link, on, first.headers["ETag"])
        assert {name.title(): value for name, value in again.headers} == {
            name.title(): value for name, value in expected.items() if name != "Content-Type"
        }


@pytest.mark.parametrize(
    ("on", "tag", "options"),
    [
        ("pay", "", {}),
        ("pay", '"of another day"', {}),
        ("pay", '"of another day", {tag}', {}),
        ("elsewhere", "{tag}", {}),
        ("pay&on=pay", "{tag}", {}),
        ("processing", "{tag}", {}),
        ("pay", "{tag}", {"method": "HEAD"}),
        ("pay", "{tag}", {"method": "POST"}),
    ],
)
def test_what_is_not_plain_goes_to_flask(
    make: Factories, ask: Ask, reached: list[str], on: str, tag: str, options: dict[str, str]
) -> None:
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    ask(link, on, tag.replace("{tag}", known), **options)
    assert reached


def test_a_weak_tag_is_the_same_tag(make: Factories, ask: Ask, reached: list[str]) -> None:
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    assert ask(link, "pay", f"W/{known}").status_code == 304
    assert not reached


def test_a_code_typed_in_small_letters_is_the_same_code(
    pages: Pages, make: Factories, ask: Ask, reached: list[str]
) -> None:
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    reached.clear()
    path = f"/pay/{link.code.lower()}/status?on=pay"
    assert pages.client.get(path, headers={"If-None-Match": known}).status_code == 304
    assert not reached


def test_drafts_and_unknown_codes_are_not_told_apart_by_the_lane(
    pages: Pages, make: Factories, ask: Ask, lane: StatusLane
) -> None:
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    make.change(link, state="DRAFT")
    assert lane.reads.get(link.code) is None
    assert lane.reads.get("ZZZZZZZZ") is None
    assert ask(link, "pay", known).status_code == 404


def test_nothing_is_new_until_something_is(make: Factories, ask: Ask, reached: list[str]) -> None:
    attempt = make.pending()
    known = ask(attempt.link, "processing").headers["ETag"]
    assert ask(attempt.link, "processing", known).status_code == 304
    assert not reached
    make.change(attempt, returned_at=func.now() - timedelta(seconds=31))
    news = ask(attempt.link, "processing", known)
    assert news.status_code == 200
    assert news.headers["ETag"] != known
    make.change(attempt.link, version=attempt.link.version + 1)
    assert ask(attempt.link, "processing", news.headers["ETag"]).status_code == 200


@pytest.mark.parametrize("state", STATES)
def test_the_lane_reads_what_the_pages_read(make: Factories, lane: StatusLane, state: str) -> None:
    link = in_state(make, state)
    ours, theirs = lane.reads.get(link.code), statuses.get(link.code)
    assert ours is not None
    assert type(ours.state) is type(theirs.state)
    assert re.sub(r"\w+_s=[\d.e-]+", "", repr(ours)).replace(
        "datetime.timezone.utc", "*"
    ) == re.sub(r"\w+_s=[\d.e-]+", "", repr(theirs)).replace("datetime.timezone.utc", "*")


def test_the_lane_could_not_write_if_it_tried(lane: StatusLane) -> None:
    for line in lane.reads.lines:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            line.open().execute("UPDATE payment_link SET version = version + 1")


def test_a_poll_that_finds_nothing_new_still_asks_for_one_check(
    make: Factories, ask: Ask, reached: list[str], lane: StatusLane
) -> None:
    attempt = make.pending()
    known = ask(attempt.link, "processing").headers["ETag"]
    queue_redis.flushdb()
    for _ in range(10):
        assert ask(attempt.link, "processing", known).status_code == 304
        assert not reached
    eventually(lambda: queue_redis.llen("rq:queue:checks"))
    eventually(lambda: not lane._wishes._is_asking)
    assert queue_redis.llen("rq:queue:checks") == 1


def test_a_link_that_nobody_pays_has_no_check_asked_for(
    make: Factories, ask: Ask, lane: StatusLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished: list[str] = []
    monkeypatch.setattr(lane._wishes, "wish", wished.append)
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    assert ask(link, "pay", known).status_code == 304
    assert wished == []
    attempt = make.pending()
    known = ask(attempt.link, "processing").headers["ETag"]
    ask(attempt.link, "processing", known)
    assert wished == [attempt.reference]


def test_a_database_that_vanishes_without_a_word_is_given_up_soon(
    rows: Flask, lane: StatusLane
) -> None:
    of_pages = cast(psycopg.Connection[Any], db.session.connection().connection.dbapi_connection)
    for connection in (of_pages, *(line.open() for line in lane.reads.lines)):
        told = connection.info.get_parameters()
        assert 0 < int(told["tcp_user_timeout"]) <= 10_000
        assert int(told["keepalives_idle"]) + 3 * int(told["keepalives_interval"]) <= 60


def test_a_lost_connection_is_made_anew(
    make: Factories, ask: Ask, reached: list[str], lane: StatusLane
) -> None:
    link = make.link()
    known = ask(link, "pay").headers["ETag"]
    ask(link, "pay", known)
    assert not reached
    number = lane.reads.lines[0].open().info.backend_pid
    db.session.execute(func.pg_terminate_backend(number).select())
    db.session.rollback()
    lost = ask(link, "pay", known)
    assert (lost.status_code, bool(reached)) == (304, True), "Flask answers meanwhile"
    assert ask(link, "pay", known).status_code == 304
    assert not reached


def test_a_database_that_is_away_is_said_at_once_and_found_again(
    app: Flask, make: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make.link()
    url = app.extensions["tillgate.settings"].database_url
    reads = StatusReads(url)
    with monkeypatch.context() as away:
        for line in reads.lines:
            away.setattr(line, "_url", line._url.replace("/var/", "/nowhere/"))
        with pytest.raises(UnansweredError):
            reads.get(link.code)
        with pytest.raises(UnansweredError):
            reads.timeline(link.id)
    found = reads.get(link.code)
    assert found is not None
    assert reads.timeline(found.link_id) == timelines.of_link(found.link_id)
    reads.close()


def test_many_links_are_read_in_one_go_each_with_its_own_answer(
    app: Flask, make: Factories
) -> None:
    links = [in_state(make, state) for state in STATES]
    reads = StatusReads(app.extensions["tillgate.settings"].database_url)
    codes = [link.code for link in links]
    rows = reads._read_statuses([*codes, "ZZZZZZZZ", codes[0]])
    assert {code: row.id for code, row in rows.items()} == {link.code: link.id for link in links}
    steps = reads._read_timelines([link.id for link in links])
    for link in links:
        assert timelines.of_rows(steps.get(link.id, ())) == timelines.of_link(link.id)
    reads.close()


def test_who_waits_for_a_line_that_hangs_is_told_soon(app: Flask, make: Factories) -> None:
    link = make.link()
    reads = StatusReads(app.extensions["tillgate.settings"].database_url)
    answers = Event()

    def hang(_: Sequence[str]) -> dict[str, Any]:
        answers.wait(20)
        return {}

    ask, reads._statuses._ask = reads._statuses._ask, hang
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(reads.get, link.code)
        eventually(lambda: reads._statuses._is_led)
        with pytest.raises(UnansweredError):
            reads.get(link.code)
        answers.set()
        assert first.result() is None
    reads._statuses._ask = ask
    assert reads.get(link.code) is not None
    reads.close()
