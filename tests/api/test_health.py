import re
from datetime import timedelta

from flask.testing import FlaskClient

from webapp.domain.desk import job_runs
from webapp.domain.transaction import transaction
from webapp.extensions import db
from webapp.models import Heartbeat


def test_health_says_ok_and_when(client: FlaskClient) -> None:
    answer = client.get("/api/health")
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["status"] == "ok"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["timestamp"])
    assert set(body) == {"status", "timestamp"}


def test_readiness_names_a_missing_scheduler(client: FlaskClient) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["problems"]) == (503, ["nobody schedules"])
    job_runs.beat(job_runs.SCHEDULER, "test", lapses_after=timedelta(seconds=10))
    assert client.get("/health/ready").status_code == 200
    with transaction():
        beat = db.session.get_one(Heartbeat, job_runs.SCHEDULER)
        beat.beat_at -= timedelta(seconds=61)
    assert client.get("/health/ready").status_code == 503
