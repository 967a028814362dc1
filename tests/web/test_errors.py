from collections.abc import Iterator

import pytest
from flask import Flask, abort

from tests.pages import Pages, words
from webapp.config import Settings
from webapp.core import references
from webapp.extensions import db, queue_redis
from webapp.factory import create_app


@pytest.fixture
def without_database(settings: Settings) -> Iterator[Flask]:
    """An app whose database is not there."""
    away = settings.model_dump() | {"database_url": "postgresql://postgres@127.0.0.1:9/away"}
    app = create_app(Settings.model_validate(away))
    yield app
    with app.app_context():
        db.engine.dispose()
        queue_redis.close()


def test_without_a_database_people_get_a_page_that_says_when_to_come_back(
    without_database: Flask,
) -> None:
    answer = Pages(without_database).get("/pay/AAAAAAAA")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "A payment that was made is not lost" in words(answer)


def test_without_a_database_programs_get_a_problem_document(without_database: Flask) -> None:
    answer = without_database.test_client().post(f"/hooks/sandbox/{references.token()}", data=b"{}")
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_without_a_database_the_process_still_says_that_it_lives(without_database: Flask) -> None:
    client = without_database.test_client()
    assert client.get("/api/health").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.get_json()["problems"]) == (503, ["database away"])


def test_an_unexpected_error_shows_nothing_of_the_inside(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/boom")
    def boom() -> str:
        raise RuntimeError("the secret of the house")

    answer = Pages(app).get("/boom")
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)
    assert "Nothing is lost" in words(answer)
    with app.app_context():
        queue_redis.close()


@pytest.mark.parametrize("status", [403, 405, 413, 429])
def test_every_refusal_is_a_page_for_people(settings: Settings, status: int) -> None:
    app = create_app(settings)
    app.add_url_rule("/no", view_func=lambda: abort(status))
    answer = Pages(app).get("/no")
    assert answer.status_code == status
    with app.app_context():
        queue_redis.close()
