"""What can happen next in a history, and how often each of it does."""

from typing import Any, Final

from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

from tests.properties.bank import WAYS

Deed = tuple[str, dict[str, Any]]

MINUTES: Final = strategies.sampled_from([45, 90])

_WHICH: Final = strategies.sampled_from([0, 0, 0, 1, 1, 2, 3])
_TAB: Final = strategies.sampled_from([0, 0, 1])
# Nobody dies, mostly; a sweep passes some ten points.
_DEATH: Final = strategies.sampled_from([None] * 12 + list(range(12)))
_SWEEP: Final = strategies.sampled_from(
    ["verification"] * 3 + ["expiry"] * 2 + ["refunds"] * 2 + ["reversals", "sessions", "starts"]
)
_PROBLEM: Final = strategies.sampled_from(
    [(call, way) for call, ways in WAYS.items() for way in ways]
)


def _deed(name: str, /, **arguments: SearchStrategy[Any]) -> SearchStrategy[Deed]:
    return strategies.tuples(strategies.just(name), strategies.fixed_dictionaries(arguments))


_OFTEN: Final[dict[SearchStrategy[Deed], int]] = {
    _deed(
        "a buyer pays",
        which=_WHICH,
        act=strategies.sampled_from(["pays"] * 6 + ["pays less", "pays more"]),
    ): 6,
    _deed("a buyer presses pay", which=_WHICH, tab=_TAB, death=_DEATH): 8,
    _deed("a buyer tries again", which=_WHICH, tab=_TAB, death=_DEATH): 4,
    _deed("a buyer gives up", which=_WHICH, tab=_TAB, death=_DEATH): 2,
    _deed(
        "a program sits down",
        which=_WHICH,
        tab=_TAB,
        act=strategies.sampled_from(["resumes"] * 3 + ["completes", "cancels"]),
        death=_DEATH,
    ): 5,
    _deed("a buyer begins anew", which=_WHICH, tab=_TAB, death=_DEATH): 3,
    _deed(
        "a start is repeated",
        which=_WHICH,
        way=strategies.sampled_from(["lost", "cut"]),
        times=strategies.integers(1, 4),
        death=_DEATH,
    ): 3,
    _deed("a buyer waits long for the answer", which=_WHICH): 3,
    _deed(
        "a buyer at the banks page",
        which=_WHICH,
        act=strategies.sampled_from(
            ["pays"] * 6
            + ["pays less", "pays more", "is declined", "is declined", "comes too late", "wonders"]
        ),
    ): 12,
    _deed("a buyer comes back", which=_WHICH): 2,
    _deed("a notice is brought", which=_WHICH, stays=strategies.booleans(), death=_DEATH): 6,
    _deed("a notice is lost", which=_WHICH): 2,
    _deed("a notice is forged", which=_WHICH): 1,
    _deed("a sweep runs", name=_SWEEP, death=_DEATH): 12,
    _deed("two sweeps run at once", one=_SWEEP, other=_SWEEP): 2,
    _deed("an attempt is read", which=_WHICH, death=_DEATH): 6,
    _deed("an attempt is read and the answer grows old", which=_WHICH): 3,
    _deed("what was held up goes on"): 4,
    _deed(
        "the merchant decides",
        which=_WHICH,
        act=strategies.sampled_from(["cancels", "cancels", "accepts", "accepts", "dismisses"]),
    ): 5,
    _deed(
        "the merchant sends money back",
        which=_WHICH,
        is_all=strategies.booleans(),
    ): 3,
    _deed("a link is made"): 2,
    _deed(
        "time passes",
        seconds=strategies.sampled_from([2, 6, 25, 70, 70, 300, 1000, 4000, 30_000]),
    ): 12,
    _deed("a call will go wrong", problem=_PROBLEM, times=strategies.integers(1, 2)): 5,
    _deed(
        "the bank fails", way=strategies.sampled_from(["unavailable", "busy", "lost", "locked"])
    ): 1,
    _deed("the bank recovers"): 3,
}

# By turns, and not each in one piece: hypothesis likes the beginning of a list best.
DEEDS: Final = strategies.sampled_from(
    [deed for turn in range(12) for deed, often in _OFTEN.items() if turn < often]
).flatmap(lambda deed: deed)
