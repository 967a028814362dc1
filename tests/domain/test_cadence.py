"""When an attempt is read next: pure arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.config import Settings
from webapp.core.states import AttemptState
from webapp.domain.payments.cadence import Watched, next_check_at
from webapp.providers.base import Found, Missing, Observation, ProviderState, Read, Unreadable

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FOUND = Found(Observation("sbx-1", "chk-1", "att-1", False, ProviderState.OPEN, "open"))
MINUTE, HOUR = 60, 3600


def wait_s(
    settings: Settings,
    read: Read,
    *,
    age_s: float = 0,
    left_s: float = 100 * HOUR,
    state: AttemptState = AttemptState.PENDING,
    failures: int = 0,
    sends_notices: bool = True,
) -> float | None:
    watched = Watched(
        state=state,
        created_at=NOW - timedelta(seconds=age_s),
        watch_until=NOW + timedelta(seconds=left_s),
        unreadable_count=failures,
        sends_notices=sends_notices,
    )
    following = next_check_at(watched, read, now=NOW, settings=settings)
    return None if following is None else (following - NOW).total_seconds()


@pytest.mark.parametrize(
    ("age_s", "planned"),
    [
        (0, 5),
        (119, 5),
        (120, 15),
        (14 * MINUTE, 15),
        (15 * MINUTE, 5 * MINUTE),
        (119 * MINUTE, 5 * MINUTE),
        (2 * HOUR, HOUR),
        (70 * HOUR, HOUR),
    ],
)
@pytest.mark.parametrize("read", [FOUND, Missing()], ids=["found", "missing"])
def test_an_attempt_is_read_ever_less_as_it_ages(
    settings: Settings, read: Read, age_s: float, planned: float
) -> None:
    assert wait_s(settings, read, age_s=age_s) == planned


def test_the_pace_is_a_setting(settings: Settings) -> None:
    faster = Settings.model_validate(settings.model_dump() | {"check_new_every_s": 1})
    assert wait_s(faster, FOUND) == 1


@pytest.mark.parametrize("age_s", [0, 14 * MINUTE, 70 * HOUR])
def test_where_no_notice_will_come_an_open_checkout_is_read_at_one_pace(
    settings: Settings, age_s: float
) -> None:
    assert wait_s(settings, FOUND, age_s=age_s, sends_notices=False) == 5
    slower = Settings.model_validate(settings.model_dump() | {"billing_check_interval_s": 7})
    assert wait_s(slower, FOUND, age_s=age_s, sends_notices=False) == 7


def test_a_checkout_that_is_not_there_is_not_read_at_that_pace_for_days(settings: Settings) -> None:
    assert wait_s(settings, Missing(), age_s=3 * HOUR, sends_notices=False) == HOUR


def test_one_that_has_ended_there_is_watched_like_any_other(settings: Settings) -> None:
    for state, planned in ((AttemptState.EXPIRED, HOUR), (AttemptState.SUCCEEDED, 24 * HOUR)):
        waits = wait_s(settings, FOUND, age_s=3 * HOUR, state=state, sends_notices=False)
        assert waits == planned


def test_a_paid_attempt_is_read_once_a_day(settings: Settings) -> None:
    assert wait_s(settings, FOUND, state=AttemptState.SUCCEEDED) == 24 * HOUR


@pytest.mark.parametrize(
    ("failures", "planned"), [(1, 5), (2, 10), (3, 20), (4, 40), (7, 300), (8, 300), (10_000, 300)]
)
def test_a_provider_that_cannot_be_read_is_asked_ever_later(
    settings: Settings, failures: int, planned: float
) -> None:
    assert wait_s(settings, Unreadable("no answer"), failures=failures) == planned


@pytest.mark.parametrize(
    ("asked", "planned"), [(None, 5), (0, 5), (3, 5), (90, 90), (1800, 1800), (86_400, HOUR)]
)
def test_a_provider_that_asks_us_to_wait_is_obeyed_for_an_hour_at_most(
    settings: Settings, asked: float | None, planned: float
) -> None:
    assert wait_s(settings, Unreadable("busy", asked), failures=1) == planned


def test_waiting_longer_than_asked_is_allowed(settings: Settings) -> None:
    assert wait_s(settings, Unreadable("busy", 20), failures=5) == 80


@pytest.mark.parametrize("read", [FOUND, Missing(), Unreadable("no answer", 5)])
def test_nobody_reads_after_the_last_moment(settings: Settings, read: Read) -> None:
    assert wait_s(settings, read, left_s=6, failures=1) == 5
    assert wait_s(settings, read, left_s=5, failures=1) is None
    assert wait_s(settings, read, left_s=-1, failures=1) is None


@pytest.mark.parametrize("read", [FOUND, Missing(), Unreadable("busy", 24 * HOUR)])
@pytest.mark.parametrize("state", [AttemptState.PENDING, AttemptState.SUCCEEDED])
def test_what_would_be_read_after_the_end_is_read_once_more_just_before_it(
    settings: Settings, read: Read, state: AttemptState
) -> None:
    for left_s, planned in ((HOUR, 59 * MINUTE), (61, 1), (60, None)):
        assert wait_s(settings, read, age_s=70 * HOUR, left_s=left_s, state=state) == planned
