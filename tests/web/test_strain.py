"""Where more pages ask than one process answers at ease, all of them ask less often."""

from collections.abc import Callable
from typing import cast

import pytest
from flask import Flask

from tests.conftest import Configure
from tests.factories import Factories
from tests.pages import Pages
from webapp.web.status_lane import StatusLane
from webapp.web.strain import Strain

EASE = 10


@pytest.fixture
def second() -> list[float]:
    """The time, to be changed."""
    return [1000.0]


@pytest.fixture
def seconds_of(second: list[float]) -> Callable[[int, int], list[float]]:
    """Let so many polls come in each of so many seconds; returns what each page was told."""
    strain = Strain(clock=lambda: second[0])

    def come(per_s: int, seconds: int) -> list[float]:
        told = []
        for _ in range(seconds):
            told += [strain.stretch(EASE) for _ in range(per_s)]
            second[0] += 1
        return told

    return come


def test_at_ease_nobody_waits_longer(seconds_of: Callable[[int, int], list[float]]) -> None:
    assert set(seconds_of(EASE, 30)) == {1.0}


def test_under_load_all_wait_longer_by_as_much_as_there_is_too_much_and_never_for_ever(
    seconds_of: Callable[[int, int], list[float]],
) -> None:
    assert seconds_of(3 * EASE, 12)[-1] == 3.0
    assert seconds_of(50 * EASE, 12)[-1] == 4.0
    assert seconds_of(EASE, 12)[-1] == 1.0


def test_a_load_that_is_over_is_forgotten(
    seconds_of: Callable[[int, int], list[float]], second: list[float]
) -> None:
    assert seconds_of(3 * EASE, 6)[-1] == 3.0
    second[0] += 11
    assert seconds_of(1, 1) == [1.0]


@pytest.mark.parametrize("is_news", [False, True])
def test_a_busy_process_says_so_with_news_and_without(
    app: Flask, make: Factories, pages: Pages, configure: Configure, *, is_news: bool
) -> None:
    path = f"/pay/{make.link().code}/status?on=pay"
    first = pages.get(path)
    assert first.headers["X-Poll-After"] == "15"
    lane = cast(StatusLane, app.extensions["tillgate.status_lane"])
    configure(poll_ease_per_s=5)
    lane.strain._per_s, lane.strain._ends = 12.6, float("inf")
    known = {} if is_news else {"If-None-Match": first.headers["ETag"]}
    busy = pages.client.get(path, headers=known)
    lane.strain._per_s, lane.strain._ends = 0.0, 0.0
    assert busy.status_code == (200 if is_news else 304)
    assert busy.headers["X-Poll-After"] == "37.8"
