from datetime import UTC, datetime

import pytest

from webapp.core import clock, wall_clock
from webapp.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("typed", "timezone", "moment"),
    [
        ("2027-03-05T19:30", "UTC", "2027-03-05T19:30:00Z"),
        ("2027-03-05T19:30:15", "UTC", "2027-03-05T19:30:15Z"),
        (" 2027-03-05T19:30 ", "Europe/Berlin", "2027-03-05T18:30:00Z"),
        ("2027-07-05T19:30", "Europe/Berlin", "2027-07-05T17:30:00Z"),
        ("2027-03-05T19:30", "America/New_York", "2027-03-06T00:30:00Z"),
    ],
)
def test_a_wall_shows_an_hour_that_means_a_moment_in_its_zone(
    typed: str, timezone: str, moment: str
) -> None:
    assert clock.iso(wall_clock.moment("at", typed, timezone)) == moment


def test_an_hour_that_comes_twice_is_the_first_of_the_two() -> None:
    moment = wall_clock.moment("at", "2027-10-31T02:30", "Europe/Berlin")
    assert moment == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "timezone", "field", "says"),
    [
        ("2027-03-28T02:30", "Europe/Berlin", "at", "does not exist there"),
        ("", "UTC", "at", "must be a date and a time"),
        ("tomorrow", "UTC", "at", "must be a date and a time"),
        ("2027-03-05", "UTC", "at", "must be a date and a time"),
        ("2027-02-30T10:00", "UTC", "at", "must be a date and a time"),
        ("2027-03-05T19:30+01:00", "UTC", "at", "must be a date and a time"),
        ("9999-12-31T23:59", "America/New_York", "at", "is out of reach"),
        ("0001-01-01T00:00", "Asia/Tokyo", "at", "is out of reach"),
        ("2027-03-05T19:30", "Mars/Olympus", "timezone", "must be a name such as"),
        ("2027-03-05T19:30", "../../etc/passwd", "timezone", "must be a name such as"),
    ],
)
def test_what_no_wall_ever_shows_is_refused(
    typed: str, timezone: str, field: str, says: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        wall_clock.moment("at", typed, timezone)
    assert refusal.value.field == field
    assert says in refusal.value.reason
