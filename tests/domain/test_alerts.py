from functools import partial

from flask import Flask

from tests.domain.side_by_side import side_by_side
from tests.factories import Factories, everything
from webapp.core import clock
from webapp.domain.messages import alerts
from webapp.domain.transaction import transaction
from webapp.models import Alert


def alert(
    subject: str = "ORD-1", kind: str = "amount_mismatch", merchant: int | None = None
) -> None:
    with transaction():
        alerts.raise_once(
            "critical",
            kind,
            subject=subject,
            headline=f"Amount Mismatch - Order {subject}",
            body="Expected and received differ.",
            merchant_id=merchant,
        )


def test_an_alert_is_told_once_and_counted_every_time(make: Factories) -> None:
    for _ in range(3):
        alert(merchant=make.shop.id)
    (told,) = everything(Alert)
    assert (told.severity, told.kind, told.subject, told.times, told.merchant_id) == (
        "critical",
        "amount_mismatch",
        "ORD-1",
        3,
        make.shop.id,
    )
    assert told.raised_at < told.last_seen_at
    assert told.ended_at is None


def test_another_kind_or_subject_is_another_alert(make: Factories) -> None:
    alert("ORD-1")
    alert("ORD-2")
    alert("ORD-1", "foreign_answer")
    assert [one.times for one in everything(Alert)] == [1, 1, 1]


def test_an_alert_that_was_ended_is_told_anew(make: Factories) -> None:
    alert()
    (told,) = everything(Alert)
    make.change(told, ended_at=clock.now())
    alert()
    assert [one.times for one in everything(Alert)] == [1, 1]


def test_twenty_threads_that_see_the_same_count_to_twenty(make: Factories, app: Flask) -> None:
    side_by_side(app, [partial(alert, "ORD-1")] * 20)
    assert [one.times for one in everything(Alert)] == [20]
