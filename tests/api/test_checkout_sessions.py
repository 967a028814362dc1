"""`POST /api/test/checkout-sessions`: a check by hand, for who knows the schedule's secret."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import Configure
from tests.factories import Factories, fresh
from webapp.core import clock
from webapp.domain.payments import accounts
from webapp.extensions import queue_redis
from webapp.jobs import JobName

PATH = "/api/test/checkout-sessions"
SECRET = "only-the-schedule-knows"


def test_every_open_session_is_checked_at_once(
    client: FlaskClient, make: Factories, configure: Configure
) -> None:
    configure(cron_secret=SECRET)
    make.change(accounts.active(make.shop), provider="billing")
    waiting, elsewhere = make.pending(), Factories().pending()
    answer = client.post(PATH, headers={"x-cron-secret": SECRET})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["message"] == "Checkout session check triggered: 1 open"
    assert clock.parse(answer.json["timestamp"]) <= clock.now()
    for attempt, is_due in ((waiting, True), (elsewhere, False)):
        due = fresh(attempt).next_check_at
        assert due is not None
        assert (due <= clock.now()) is is_due
    assert queue_redis.exists(f"kick:{JobName.VERIFICATION}")


@pytest.mark.parametrize("given", [None, "", "wrong", SECRET[:-1], f"{SECRET} ", "ü"])
def test_who_does_not_know_the_secret_is_kept_out(
    client: FlaskClient, configure: Configure, given: str | None
) -> None:
    configure(cron_secret=SECRET)
    headers = {} if given is None else {"x-cron-secret": given.encode().decode("latin-1")}
    answer = client.post(PATH, headers=headers)
    assert answer.status_code == 403
    assert answer.content_type == "application/problem+json"
    assert not queue_redis.exists(f"kick:{JobName.VERIFICATION}")


@pytest.mark.parametrize(
    ("environment", "status"), [("production", 403), ("test", 403), ("development", 200)]
)
def test_where_no_secret_is_set_it_works_in_development_only(
    client: FlaskClient, configure: Configure, environment: str, status: int
) -> None:
    configure(environment=environment, cron_secret="")
    for headers in ({}, {"x-cron-secret": ""}):
        assert client.post(PATH, headers=headers).status_code == status
