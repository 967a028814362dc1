from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Timezone

from tests.unit import orders
from webapp.documents import calendar

MADE = datetime(2026, 11, 1, 9, 5, tzinfo=UTC)


def written(**changes: Any) -> bytes:
    return calendar.entry(orders.order(1, **changes), domain="pay.example", made_at=MADE)


def event_of(content: bytes) -> Any:
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    return event


def test_the_entry_says_what_when_and_where_and_which_order() -> None:
    event = event_of(written())
    assert str(event["SUMMARY"]) == "Winter concert"
    assert event.decoded("DTSTART") == datetime(
        2026, 11, 21, 19, 30, tzinfo=ZoneInfo("Europe/Berlin")
    )
    assert str(event["LOCATION"]) == "Stadthalle, Königsstraße 12, Köln"
    assert str(event["DESCRIPTION"]) == f"Kulturverein Überall\nOrder {orders.REFERENCE}"
    assert event.decoded("DTSTAMP") == MADE


def test_the_entry_of_an_event_is_the_same_for_each_of_its_orders() -> None:
    uids = {
        str(event_of(written(order_reference=reference))["UID"])
        for reference in ("ORD-7K2MQD4XHB", "ORD-ANOTHER234")
    }
    assert uids == {f"{orders.EVENT}@pay.example"}


@pytest.mark.parametrize("unknown", ["DTEND", "DURATION", "URL"])
def test_what_nobody_told_us_is_not_made_up(unknown: str) -> None:
    assert unknown not in event_of(written())


def test_an_event_without_a_place_has_none() -> None:
    assert "LOCATION" not in event_of(written(event_place=None))


@pytest.mark.parametrize(
    ("zone", "starts_at"),
    [
        ("Europe/Berlin", datetime(2026, 7, 3, 18, 0, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 4, 30, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2050, 1, 1, 0, 0, tzinfo=UTC)),
        ("UTC", datetime(2026, 2, 28, 23, 59, tzinfo=UTC)),
    ],
)
def test_the_moment_is_the_same_for_a_program_that_knows_only_the_entrys_own_zone(
    zone: str, starts_at: datetime
) -> None:
    content = written(event_starts_at=starts_at, event_timezone=zone)
    assert event_of(content).decoded("DTSTART") == starts_at
    entry = content.decode().partition("BEGIN:VEVENT")[2]
    (told,) = (line for line in entry.split("\r\n") if line.startswith("DTSTART"))
    zones = Calendar.from_ical(content).walk("VTIMEZONE")
    if zone == "UTC":
        assert told.endswith("Z")
        return
    (rules,) = zones
    assert told.startswith(f"DTSTART;TZID={zone}:")
    local = datetime.fromisoformat(told.rpartition(":")[2])
    assert isinstance(rules, Timezone)
    assert local.replace(tzinfo=rules.to_tz()).astimezone(UTC) == starts_at


def test_words_add_no_line_and_lines_are_short() -> None:
    hostile = "Concert\r\nEND:VEVENT\nATTENDEE:evil@x.example; a, b \\n " + "ü" * 200
    content = written(event_name=hostile, event_place=hostile)
    event = event_of(content)
    assert "ATTENDEE" not in event
    assert str(event["SUMMARY"]).split() == hostile.split()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def test_an_order_without_a_day_has_no_entry() -> None:
    with pytest.raises(ValueError, match="no day"):
        written(event_starts_at=None, event_timezone=None)
