"""Those who want a page while somebody else keeps the server busy: how long they wait."""

import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

TIMES: Final = 100

_MOST_ROUNDS: Final = 3
_CALM_TIMES: Final = 40


@dataclass(frozen=True)
class Waits:
    """How long each answer took, in seconds."""

    took: tuple[float, ...]

    @property
    def p95_s(self) -> float:
        """Within this 95 of 100 were answered."""
        return sorted(self.took)[int(len(self.took) * 0.95) - 1]

    def __str__(self) -> str:
        """Say it in one line."""
        return f"p95 {self.p95_s * 1000:.0f} ms, longest {max(self.took) * 1000:.0f} ms"


def look(url: str, paths: Sequence[str], *, times: int = TIMES) -> Waits:
    """Ask for these in turn, each by a connection of its own; every answer must be a page."""
    took = []
    for number in range(times):
        path = paths[number % len(paths)]
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        began = time.monotonic()
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        took.append(time.monotonic() - began)
        line.close()
        assert answer.status == 200, f"{path}: {answer.status}"
    return Waits(tuple(took))


def bound_s(url: str, paths: Sequence[str], within_s: float) -> float:
    """Return what pages may take, in seconds: more on a machine that is busy with something else.

    To be asked while all is calm. Were threads taken, pages would take seconds.
    """
    return max(within_s, 2 * look(url, paths, times=_CALM_TIMES).p95_s)


def best_look(url: str, paths: Sequence[str], *, within_s: float, times: int = TIMES) -> Waits:
    """Look up to three times, and return the best.

    A server whose threads are all taken stays slow; a neighbour on this machine goes away.
    """
    best = look(url, paths, times=times)
    for _ in range(_MOST_ROUNDS - 1):
        if best.p95_s <= within_s:
            break
        best = min(best, look(url, paths, times=times), key=lambda waits: waits.p95_s)
    return best
