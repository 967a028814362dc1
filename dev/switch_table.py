"""The table of docs/providers.md: which misfortune ends how, at which provider."""

from collections.abc import Mapping, Sequence
from typing import Final

from dev.paths import ROOT

PAGE: Final = ROOT / "docs" / "providers.md"

# The columns, by the names of the providers in the code.
HEADS: Final[Mapping[str, str]] = {
    "sumup": "SumUp",
    "paystack": "Paystack",
    "stripe": "Stripe",
    "billing": "billing service",
    "sandbox": "sandbox bank",
}
# What cannot happen at a provider.
NOT_THERE: Final = "-"

_BEGIN: Final = "<!-- made by `make docs` from a run of tests/providers/test_switches.py -->\n"
_END: Final = "<!-- end -->\n"

Endings = Mapping[tuple[str, str], str]


def read(page: str) -> Endings:
    """Return the cells of the page's table, by the name of the switch and the provider."""
    table = page.partition(_BEGIN)[2].partition(_END)[0]
    rows = [_cells(line) for line in table.splitlines()[2:]]
    return {
        (name, provider): ending
        for name, *endings in rows
        for provider, ending in zip(HEADS, endings, strict=True)
    }


def written(page: str, names: Sequence[str], endings: Endings) -> str:
    """Return the page with a table of these switches in place of its own."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    lines = [_line(["", *HEADS.values()]), "|---|" + "---|" * len(HEADS)]
    lines += [_line([name, *(endings[name, provider] for provider in HEADS)]) for name in names]
    return before + _BEGIN + "\n".join(lines) + "\n" + _END + after


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
