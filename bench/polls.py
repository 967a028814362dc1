"""The buyer's poll beside a bare route of the same server, and how many buyers may wait at once."""

import http.client
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench import load, rows
from bench.load import Answers, Poller
from bench.results import Result, percentile
from dev.ports import answers as something_answers
from dev.ports import free_ports
from dev.processes import Program
from dev.stack import Stack, procfile
from webapp.core import references
from webapp.domain.transaction import step_outside

ROUNDS: Final = 5
ROUND_S: Final = 3
CONNECTIONS: Final = 32
LINKS: Final = 20_000

# A dyno is behind a router that keeps connections for all its buyers.
_ROUTER: Final = 128
_STEP_S: Final = 10
_MUST_BE_MS: Final = 100
# Of a hundred buyers: how many are on which page, and how many seconds pass between their polls.
MIX: Final = (("processing", 1, 5), ("processing", 3, 25), ("processing", 5, 20), ("pay", 15, 50))

# As the pages of production, but with all of them behind one address.
SETTINGS: Final = {
    "LIMIT_POLLS": "1000000",
    "LIMIT_POLLS_PER_ADDRESS": "100000000",
    "LOG_LEVEL": "ERROR",
}

_LIFE_S: Final = 86_400
# A poll for a code that cannot be one of ours would not even ask the database.
_NAMED: Final = """
    UPDATE payment_link SET code = named.code
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM payment_link
          WHERE merchant_id = %(shop)s AND may_hold_money = %(is_paying)s) one
    JOIN unnest(%(codes)s::text[]) WITH ORDINALITY AS named (code, n) USING (n)
    WHERE payment_link.id = one.id
"""


@dataclass(frozen=True)
class Crowd:
    """The codes of links that somebody is paying and of those nobody is, and their polls."""

    port: int
    codes: dict[str, list[str]]
    tags: dict[str, str]

    def polls(self, on: str, count: int, *, is_known: bool = True) -> list[bytes]:
        """Return polls of so many links, which know what there is to know or nothing."""
        tag = self.tags[on] if is_known else '"of another day"'
        return [
            load.request(self.port, f"/pay/{code}/status?on={on}", If_None_Match=tag)
            for code in self.codes[on][:count]
        ]

    def buyers(self, count: int) -> list[Poller]:
        """Return so many buyers in the mix, each at a link of their own."""
        found, used = [], {"processing": 0, "pay": 0}
        for on, every_s, percent in MIX:
            some = count * percent // 100
            polls = self.polls(on, used[on] + some)[used[on] :]
            found += [Poller(poll, every_s) for poll in polls]
            used[on] += some
        return found


def measure(stack: Stack, books: rows.Books) -> list[Result]:
    """Measure at a running stack; its queue is there, and its worker is on another machine."""
    crowd = _gather(stack.port, books)
    step_outside()  # who looks on for so long must not hold a transaction open
    bare_port = _start_bare(stack)
    kinds: dict[str, Callable[[], Answers]] = {
        "bare": _flood(bare_port, [load.request(bare_port, "/ok")]),
        "unchanged": _flood(stack.port, crowd.polls("processing", 2000)),
        "fragment": _flood(stack.port, crowd.polls("processing", 2000, is_known=False)),
    }
    speeds: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(ROUNDS + 1):
        for name, run in kinds.items():
            answers = run()
            _expect(answers, {"unchanged": 304}.get(name, 200))
            if number:  # the first warms up
                speeds[name].append(answers.per_second)
    middle = {name: statistics.median(found) for name, found in speeds.items()}
    print(", ".join(f"{name} {found:.0f}/s" for name, found in middle.items()))
    bare = middle["bare"]
    return [
        Result("status.bare_per_s", bare, "1/s"),
        Result("status.unchanged_per_s", middle["unchanged"], "1/s", bare),
        Result("status.unchanged_ratio_to_bare", middle["unchanged"] / bare, "ratio", 1.0),
        Result("status.fragment_per_s", middle["fragment"], "1/s", bare),
        Result("status.fragment_ratio_to_bare", middle["fragment"] / bare, "ratio", 1.0),
        Result("status.waiting_buyers", _most_waiting(crowd, middle["unchanged"]), "buyers"),
    ]


def _flood(port: int, requests: Sequence[bytes]) -> Callable[[], Answers]:
    arguments = (port, requests, CONNECTIONS, ROUND_S)
    return partial(load.in_its_own_process, load.flood, *arguments)


def _expect(answers: Answers, status: int) -> None:
    if set(answers.statuses) != {status}:
        raise RuntimeError(f"instead of {status} came {dict(answers.statuses)}")


def _most_waiting(crowd: Crowd, per_second: float) -> int:
    """Return the largest crowd whose p95 stays under the bar, in steps of an eighth."""
    each = sum(percent / 100 / every_s for _, every_s, percent in MIX)
    count, held = int(per_second / each * 0.25), 0
    while count * 0.5 < LINKS:
        answers = load.in_its_own_process(
            load.pace, crowd.port, crowd.buyers(count), _ROUTER, _STEP_S
        )
        _expect(answers, 304)
        p95_ms = percentile(answers.seconds, 95) * 1000
        print(f"{count} buyers: {answers.per_second:.0f}/s, p95 {p95_ms:.0f} ms")
        if p95_ms >= _MUST_BE_MS:
            break
        held, count = count, count * 9 // 8
    return held


def _gather(port: int, books: rows.Books) -> Crowd:
    """Write the links, and ask once for the tag that all of a kind share."""
    shop = rows.account("crowd")
    codes = {on: [references.link_code() for _ in range(LINKS)] for on in ("pay", "processing")}
    with books.transaction():
        rows.links(books, shop, LINKS, name="P", life_s=_LIFE_S)
        rows.due_attempts(books, shop, LINKS, name="W", life_s=_LIFE_S)
        for on, named in codes.items():
            values = {"is_paying": on == "processing", "shop": shop.merchant_id, "codes": named}
            books.execute(_NAMED.encode(), values)
        books.execute("UPDATE payment_session SET expires_at = now() + interval '1 day'")
    books.execute("ANALYZE")
    return Crowd(port, codes, {on: _tag(port, codes[on][0], on) for on in codes})


def _tag(port: int, code: str, on: str) -> str:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", f"/pay/{code}/status?on={on}")
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.headers["ETag"]


def _start_bare(stack: Stack) -> int:
    """Serve the bare route by the very line that serves the pages."""
    (port,) = free_ports(1)
    line = procfile()["web"].replace("--host 0.0.0.0", "--host 127.0.0.1")
    command = ["sh", "-c", f"exec {line.replace('wsgi:app', 'bench.bare:app')}"]
    stack.processes.start(Program("bare", command, stack.environment | {"PORT": str(port)}))
    stack.processes.wait_until(lambda: something_answers(port, "/ok"), "bare", within_s=60)
    return port
