"""The line between the tabs and a server: it carries every poll, and can be made to misbehave."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

PATIENCE_S = 5.0


@dataclass(frozen=True)
class Answer:
    """One answer to a poll. It is sent once `until` is set; a cut answer is none at all."""

    status: int
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: str = ""
    until: threading.Event | None = None
    is_cut: bool = False


@dataclass(frozen=True)
class Poll:
    """One poll as it arrived: when (monotonic seconds), for what, and with which headers."""

    at: float
    target: str
    headers: Mapping[str, str]


def refused(status: int, retry_after: str | None = None, **headers: str) -> Answer:
    """Refuse to answer."""
    return Answer(status, {"Retry-After": retry_after, **headers}, "<p>Not now</p>")


CUT = Answer(0, is_cut=True)


class Line:
    """Notes the polls, and has the answers that a test has queued; `usual` when none is left.

    Where `usual` is None too, the server answers by itself. Answers wait at the gate while it is
    not set.
    """

    def __init__(self, usual: Answer | None = None) -> None:
        self.answers: deque[Answer] = deque()
        self.usual = usual
        self.gate = threading.Event()
        self.gate.set()
        self.polls: list[Poll] = []
        self._arrived = threading.Condition()

    def address(self, name: str) -> str:
        """Return where the page of this name is."""
        raise NotImplementedError  # each server has its own

    def will_answer(self, *answers: Answer) -> None:
        """Queue these answers for the next polls."""
        self.answers.extend(answers)

    def wait_for_polls(self, count: int) -> None:
        """Wait until this many polls have arrived since the start, at most a few seconds."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.polls) >= count, PATIENCE_S)
        assert arrived, f"{len(self.polls)} polls arrived, not {count}"

    def receive(self, target: str, headers: Mapping[str, str]) -> Answer | None:
        """Record one poll and choose its answer."""
        with self._arrived:
            self.polls.append(Poll(time.monotonic(), target, headers))
            self._arrived.notify_all()
            return self.answers.popleft() if self.answers else self.usual

    def hold(self, answer: Answer | None) -> None:
        """Wait until the gate is open, and until the answer may be sent."""
        self.gate.wait(PATIENCE_S)
        if answer is not None and answer.until is not None:
            answer.until.wait(PATIENCE_S)
