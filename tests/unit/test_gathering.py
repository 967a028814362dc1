"""What many threads ask at once is one question, and each has an answer of its own."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import pytest

from tests.sandbox.process import eventually
from webapp.core.gathering import Gathering, UnansweredError

MOST = 5
LONG_S = 20


class Oracle:
    """Knows the double of each number, and says it when it may."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = Event()
        self.may_answer.set()
        self.is_ill = False
        self._alone = Lock()

    def __call__(self, keys: Sequence[int]) -> dict[int, int]:
        assert self._alone.acquire(blocking=False), "it is asked by one thread at a time"
        try:
            self.asked.append(list(keys))
            assert self.may_answer.wait(LONG_S)
            if self.is_ill:
                raise OSError("the line is dead")
            return {key: 2 * key for key in keys if key >= 0}
        finally:
            self._alone.release()


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def gathering(oracle: Oracle) -> Gathering[int, int]:
    return Gathering(oracle, most=MOST, wait_s=LONG_S)


def waiting(gathering: Gathering[int, int]) -> int:
    return len(gathering._waiting)


def test_who_is_alone_is_asked_for_at_once(gathering: Gathering[int, int], oracle: Oracle) -> None:
    assert [gathering.get(key) for key in (1, 2, -3)] == [2, 4, None]
    assert oracle.asked == [[1], [2], [-3]]


def test_whoever_comes_meanwhile_is_asked_for_together_and_never_more_than_the_most(
    gathering: Gathering[int, int], oracle: Oracle
) -> None:
    oracle.may_answer.clear()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(gathering.get, 1)
        eventually(lambda: oracle.asked == [[1]])
        others = {key: threads.submit(gathering.get, key) for key in range(2, 9)}
        eventually(lambda: waiting(gathering) == 7)
        oracle.may_answer.set()
        assert first.result() == 2
        assert {key: one.result() for key, one in others.items()} == {
            key: 2 * key for key in others
        }
    assert [len(keys) for keys in oracle.asked] == [1, MOST, 2]
    assert sorted(key for keys in oracle.asked for key in keys) == list(range(1, 9))


def test_a_failure_is_told_to_all_whom_it_was_asked_for_and_to_nobody_after_them(
    gathering: Gathering[int, int], oracle: Oracle
) -> None:
    oracle.may_answer.clear()
    oracle.is_ill = True
    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(gathering.get, 1)]
        eventually(lambda: oracle.asked == [[1]])
        asking += [threads.submit(gathering.get, key) for key in (2, 3)]
        eventually(lambda: waiting(gathering) == 2)
        oracle.may_answer.set()
        for one in asking:
            with pytest.raises(UnansweredError, match="OSError"):
                one.result()
    oracle.is_ill = False
    assert gathering.get(4) == 8


def test_even_an_interruption_leaves_nobody_waiting(
    gathering: Gathering[int, int], oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Sequence[int]) -> dict[int, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "_ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gathering.get(1)
    assert gathering.get(2) == 4


def test_whose_turn_does_not_come_is_told_soon_and_not_asked_for_later(oracle: Oracle) -> None:
    gathering: Gathering[int, int] = Gathering(oracle, most=MOST, wait_s=0.05)
    oracle.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gathering.get, 1)
        eventually(lambda: oracle.asked == [[1]])
        with pytest.raises(UnansweredError):
            gathering.get(2)
        oracle.may_answer.set()
        assert first.result() == 2
    assert gathering.get(3) == 6
    assert oracle.asked == [[1], [3]]


def test_nobody_gets_anothers_answer_or_none_however_they_come_and_go(oracle: Oracle) -> None:
    # Such a short wait that many give up, some of them just when they are to lead.
    gathering: Gathering[int, int] = Gathering(oracle, most=MOST, wait_s=0.0005)
    found: list[tuple[int, int | None]] = []
    given_up: list[int] = []

    def ask_often(seed: int) -> None:
        chosen = random.Random(seed)  # noqa: S311  # no secret
        for _ in range(400):
            key = chosen.randrange(-5, 1000)
            try:
                found.append((key, gathering.get(key)))
            except UnansweredError:
                given_up.append(key)

    threads = [Thread(target=ask_often, args=(seed,)) for seed in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(LONG_S)
        assert not one.is_alive()
    assert all(answer == (2 * key if key >= 0 else None) for key, answer in found)
    assert len(found) + len(given_up) == 12 * 400
    assert len(found) > 400
    assert gathering.get(1) == 2, "somebody leads who leads no longer"
    assert not gathering._waiting
