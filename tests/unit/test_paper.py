from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from webapp import paper

EVENING = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "spoken"),
    [
        ("Europe/Berlin", "Saturday 21 November 2026, 19:30 CET"),
        ("Europe/London", "Saturday 21 November 2026, 18:30 GMT"),
        ("America/New_York", "Saturday 21 November 2026, 13:30 EST"),
        ("Asia/Tokyo", "Sunday 22 November 2026, 03:30 JST"),
        ("Asia/Dubai", "Saturday 21 November 2026, 22:30 UTC+04"),
        ("America/Sao_Paulo", "Saturday 21 November 2026, 15:30 UTC-03"),
        ("Asia/Kathmandu", "Sunday 22 November 2026, 00:15 UTC+0545"),
        ("UTC", "Saturday 21 November 2026, 18:30 UTC"),
    ],
)
def test_a_moment_is_told_in_the_zone_where_it_happens(timezone: str, spoken: str) -> None:
    assert paper.moment(EVENING, timezone) == spoken
    assert paper.day(EVENING, timezone) == spoken.partition(",")[0]


def test_the_same_hour_in_summer_has_another_name() -> None:
    summer = datetime(2026, 7, 1, 17, 5, tzinfo=UTC)
    assert paper.moment(summer, "Europe/Berlin") == "Wednesday 1 July 2026, 19:05 CEST"


def test_a_moment_without_a_zone_is_never_told() -> None:
    with pytest.raises(ValueError, match="time zone"):
        paper.moment(EVENING.replace(tzinfo=None), "Europe/Berlin")


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        paper.moment(EVENING, "Europe/Entenhausen")


def test_a_forgotten_value_is_an_error_and_not_an_empty_place() -> None:
    known = {"merchant_name": "Kulturverein", "subject": "Concert", "tickets": ()}
    with pytest.raises(UndefinedError, match="order_reference"):
        paper.fill("documents/ticket.html", order=known)


@pytest.mark.parametrize("name", ["documents/none.html", "../webapp/config.py", "/etc/passwd"])
def test_only_templates_can_be_filled(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        paper.fill(name)
