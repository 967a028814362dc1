import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core import clock

MOMENT = datetime(2026, 11, 21, 18, 30, 0, 999_999, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    before = clock.now()
    assert before.utcoffset() == timedelta()
    assert timedelta() <= clock.now() - before < timedelta(minutes=1)


def test_a_shift_holds_inside_its_block_and_adds_up() -> None:
    before = clock.now()
    with clock.shifted(timedelta(hours=1)), clock.shifted(timedelta(minutes=-10)):
        within = clock.now()
    assert timedelta(minutes=50) <= within - before < timedelta(minutes=51)
    assert clock.now() - before < timedelta(minutes=1)


def test_a_shift_ends_with_its_block_whatever_happens() -> None:
    before = clock.now()
    with pytest.raises(ZeroDivisionError), clock.shifted(timedelta(days=1)):
        _ = 1 / 0
    assert clock.now() - before < timedelta(minutes=1)


def test_a_shift_is_not_felt_in_another_thread() -> None:
    seen: list[datetime] = []
    with clock.shifted(timedelta(days=1)):
        thread = threading.Thread(target=lambda: seen.append(clock.now()))
        thread.start()
        thread.join()
    assert seen[0] - clock.now() < timedelta(minutes=1)


def test_the_outside_sees_whole_seconds_in_utc() -> None:
    assert clock.iso(MOMENT) == "2026-11-21T18:30:00Z"
    assert clock.iso(MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == (
        "2026-11-21T18:30:00Z"
    )


def test_a_moment_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="time zone"):
        clock.iso(MOMENT.replace(tzinfo=None))


@pytest.mark.parametrize(
    "text", ["2026-11-21T18:30:00Z", "2026-11-21T19:30:00+01:00", "20261121T183000Z"]
)
def test_a_moment_with_its_zone_is_read(text: str) -> None:
    assert clock.parse(text) == MOMENT.replace(microsecond=0)
    assert clock.parse(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2026-11-21T18:30:00", "2026-11-21", "tomorrow", "", "1763749800"]
)
def test_what_is_no_moment_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time zone|isoformat|out of range|must be in"):
        clock.parse(text)


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001  # hypothesis wants bounds without a zone
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001  # the same
        timezones=st.timezones(),
    )
)
def test_what_is_written_reads_back_to_the_second(moment: datetime) -> None:
    assert clock.parse(clock.iso(moment)) == moment.astimezone(UTC).replace(microsecond=0)
