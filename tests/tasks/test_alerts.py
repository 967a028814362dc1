"""Alerts are told by a worker as soon as they are committed."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Select, select

from tests.domain.alerting import OPERATOR, raised
from tests.sandbox.process import eventually
from tests.tasks.engine import Engine
from webapp.config import Settings
from webapp.core import references
from webapp.extensions import db
from webapp.models import AlertMail, JobRun

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("engine")]


@pytest.fixture
def operator(engine: Engine) -> Iterator[str]:
    """Somebody who is told of alerts."""
    before: Settings = engine.app.extensions["tillgate.settings"]
    changed = before.model_dump() | {"alert_email": OPERATOR}
    engine.app.extensions["tillgate.settings"] = Settings.model_validate(changed)
    yield OPERATOR
    engine.app.extensions["tillgate.settings"] = before


def fresh_scalars(query: Select[Any]) -> list[Any]:
    """Return what a query finds at this moment."""
    db.session.rollback()
    return list(db.session.scalars(query))


def test_an_alert_is_mailed_within_seconds_of_its_commit(engine: Engine, operator: str) -> None:
    alert = raised(references.order_reference())
    sent = select(AlertMail.sent_at).where(AlertMail.alert_id == alert.id)

    eventually(lambda: fresh_scalars(sent) != [None])
    (letter,) = (engine.folder / "mail").glob(f"*-alert-{alert.id}-*.eml")
    head = letter.read_text().partition("\n\n")[0]
    letter.unlink()  # the engine room is used by others
    assert f"To: {operator}\n" in head
    assert f"Amount Mismatch - Order {alert.subject}" in head
    runs = select(JobRun.processed).where(JobRun.job_name == "alerts", JobRun.is_success)
    eventually(lambda: set(fresh_scalars(runs)) == {1})
