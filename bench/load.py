"""Many polls at once over kept connections, by a client that costs little: one epoll loop.

It runs in a process of its own, beside whatever it measures: `in_its_own_process`.
"""

import heapq
import multiprocessing
import random
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

_LENGTH: Final = b"content-length:"
_JITTER: Final = 0.1


@dataclass
class Answers:
    """What came of a run: how often each status came, and each answer's seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lasted_s: float = 0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.statuses.total() / self.lasted_s


@dataclass(frozen=True)
class Poller:
    """Somebody who asks the same again and again, so many seconds after the last answer."""

    request: bytes
    every_s: float


def in_its_own_process(act: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  # passed on
    """Call a function of this module in another process and return what it returns."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(act, *arguments).result()


def request(port: int, path: str, **headers: str) -> bytes:
    """Return a GET as it goes over the wire."""
    named = {"Host": f"127.0.0.1:{port}", "HX-Request": "true"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def flood(port: int, requests: Sequence[bytes], connections: int, lasts_s: float) -> Answers:
    """Ask as fast as answers come, each connection one question after the other."""
    with Lines(port, connections) as lines:
        answers = Answers()
        began = time.perf_counter()
        for line in lines.free:
            lines.ask(line, random.choice(requests))  # noqa: S311  # no secret
        while (now := time.perf_counter()) < began + lasts_s:
            for line, status in lines.answers(1):
                answers.statuses[status] += 1
                lines.ask(line, random.choice(requests))  # noqa: S311  # no secret
        answers.lasted_s = now - began
        return answers


def pace(port: int, pollers: Sequence[Poller], connections: int, lasts_s: float) -> Answers:
    """Ask as buyers' pages do, each at its own pace; an answer's time counts from when it was due.

    What is answered in the first fifth, while everything warms up, is not counted.
    """
    with Lines(port, connections) as lines:
        answers = Answers()
        began = time.perf_counter()
        counts_from, ends = began + lasts_s / 5, began + lasts_s
        due = [(began + random.uniform(0, one.every_s), i) for i, one in enumerate(pollers)]  # noqa: S311
        heapq.heapify(due)
        free, asking = deque(lines.free), {}
        while (now := time.perf_counter()) < ends:
            while free and due[0][0] <= now:
                at, number = heapq.heappop(due)
                line = free.popleft()
                asking[line] = at, number
                lines.ask(line, pollers[number].request)
            wait_s = max(due[0][0] - now, 0) if free else 1
            for line, status in lines.answers(min(wait_s, ends - now)):
                now = time.perf_counter()
                at, number = asking.pop(line)
                free.append(line)
                if at >= counts_from:
                    answers.statuses[status] += 1
                    answers.seconds.append(now - at)
                every_s = pollers[number].every_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
                heapq.heappush(due, (now + every_s, number))
        answers.lasted_s = ends - counts_from
        return answers


class Lines:
    """Kept connections, each with one question at a time, known by their numbers."""

    def __init__(self, port: int, count: int) -> None:
        self._poll = select.epoll()
        self._sockets = {}
        for _ in range(count):
            line = socket.create_connection(("127.0.0.1", port), timeout=10)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[line.fileno()] = line
            self._poll.register(line.fileno(), select.EPOLLIN)
        self._read = dict.fromkeys(self._sockets, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._sockets.values():
            line.close()
        self._poll.close()

    @property
    def free(self) -> list[int]:
        """Every line, before the first question."""
        return list(self._sockets)

    def ask(self, line: int, question: bytes) -> None:
        """Send a question; the line's last one has been answered."""
        self._sockets[line].sendall(question)

    def answers(self, within_s: float) -> list[tuple[int, int]]:
        """Return the lines whose answer is there, each with its status."""
        found = []
        for line, _ in self._poll.poll(max(within_s, 0)):
            part = self._sockets[line].recv(65_536)
            if not part:
                raise RuntimeError("the server closed a connection")
            said = self._read[line] + part
            is_whole = _is_whole(said)
            self._read[line] = b"" if is_whole else said
            if is_whole:
                found.append((line, int(said[9:12])))
        return found


def _is_whole(said: bytes) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    if not end:
        return False
    _, found, rest = head.lower().partition(_LENGTH)
    return not found or len(body) >= int(rest.split(b"\r\n", 1)[0])
