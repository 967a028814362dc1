import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dev import runs
from tasks import parent
from tasks.parent import Child, Parent
from tests.sandbox.process import eventually

Born = Callable[[], None]
Life = Callable[[Born], None]


class Family:
    """A parent in a process of its own, and the children that it started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pid = 0

    def start(self, *lives: Life) -> None:
        """Start a parent whose children live like this."""
        children = [
            Child(str(number), partial(life, partial(self._note_birth, number)))
            for number, life in enumerate(lives)
        ]
        self.pid = parent._fork(Parent(children).keep_running)

    def _note_birth(self, number: int) -> None:
        with (self._folder / str(number)).open("a") as births:
            births.write(f"{os.getpid()}\n")

    def births(self, number: int = 0) -> list[int]:
        """Return the process numbers that a child has had, the latest last."""
        file = self._folder / str(number)
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []

    def born(self, number: int = 0, *, times: int = 1) -> int:
        """Wait until a child was started so often, and return its process number."""
        return eventually(lambda: self.births(number)[times - 1 :])[0]

    def end_code(self) -> int:
        """Wait for the parent's end; a signal is a negative code."""
        status = eventually(self._ended)[0]
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _ended(self) -> tuple[int, ...]:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return (status,) if pid else ()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path)
    yield made
    if made.pid:
        os.kill(made.pid, signal.SIGKILL)
        os.waitpid(made.pid, 0)


def stay(born: Born) -> None:
    born()
    time.sleep(60)


def fail(born: Born) -> None:
    born()
    raise ZeroDivisionError


def stay_deaf(born: Born) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    born()
    time.sleep(60)


def test_a_child_that_ends_is_started_again_and_the_others_stay(family: Family) -> None:
    family.start(stay, stay)
    first, second = family.born(0), family.born(1)
    os.kill(first, signal.SIGKILL)
    assert family.born(0, times=2) != first
    assert family.births(1) == [second]
    assert runs.is_alive(second)


def test_a_child_that_always_fails_is_started_again_with_pauses(family: Family) -> None:
    family.start(fail, stay)
    began = time.monotonic()
    family.born(0, times=3)
    assert time.monotonic() - began > 2  # one second, then two
    assert len(family.births(1)) == 1


def test_term_ends_every_child_and_then_the_parent(family: Family) -> None:
    family.start(stay, stay)
    children = [family.born(0), family.born(1)]
    os.kill(family.pid, signal.SIGTERM)
    assert family.end_code() == 0
    assert not any(runs.is_alive(child) for child in children)


def test_a_child_that_does_not_end_within_the_grace_is_killed(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "GRACE_S", 0.5)
    family.start(stay_deaf)
    child = family.born()
    began = time.monotonic()
    os.kill(family.pid, signal.SIGTERM)
    assert family.end_code() == 0
    assert time.monotonic() - began >= 0.5
    assert not runs.is_alive(child)


def test_children_die_with_a_parent_that_is_killed(family: Family) -> None:
    family.start(stay, stay_deaf)
    children = [family.born(0), family.born(1)]
    os.kill(family.pid, signal.SIGKILL)
    eventually(lambda: not any(runs.is_alive(child) for child in children))
    family.end_code()


def test_a_signal_that_comes_right_after_the_fork_is_not_lost(family: Family) -> None:
    for _ in range(30):
        taken = signal.signal(signal.SIGTERM, lambda *_: None)  # as the parent has one
        try:
            family.pid = parent._fork(partial(time.sleep, 60))
            os.kill(family.pid, signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, taken)
        assert family.end_code() == -signal.SIGTERM
