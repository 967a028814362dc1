"""Figures, printed as a table and written to bench/results.json."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Result:
    """One figure. `baseline` is what the same run measured it against; None where nothing is."""

    name: str
    value: float
    unit: str
    baseline: float | None = None


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def spread(values: Sequence[float]) -> str:
    """Describe values in one line: count, least, median, p95, greatest."""
    return (
        f"n={len(values)} min={min(values):.3f} p50={statistics.median(values):.3f} "
        f"p95={percentile(values, 95):.3f} max={max(values):.3f}"
    )


def write(results: Sequence[Result]) -> None:
    """Write the figures; those of groups that were not measured now stay as they were."""
    kept = json.loads(FILE.read_text()) if FILE.exists() else []
    named = {entry["name"]: entry for entry in kept}
    named.update({result.name: asdict(result) for result in results})
    FILE.write_text(json.dumps([named[name] for name in sorted(named)], indent=2) + "\n")


def print_table(results: Sequence[Result]) -> None:
    """Print the figures of this run."""
    width = max(len(result.name) for result in results)
    print(f"\n{'name':<{width}}  {'value':>10}  {'unit':<6}  {'baseline':>10}")
    for result in results:
        baseline = "" if result.baseline is None else f"{result.baseline:.3f}"
        print(f"{result.name:<{width}}  {result.value:>10.3f}  {result.unit:<6}  {baseline:>10}")
