"""`make bench`: measure every group, or one: `make bench ONLY=journey`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench import expiry, journey, notices, results, settle, status, verify
from bench.results import Result
from dev.signals import stopped_by_signals
from webapp import logs

GROUPS: Final[dict[str, Callable[[], Sequence[Result]]]] = {
    "expiry": expiry.measure,
    "journey": journey.measure,
    "notices": notices.measure,
    "settle": settle.measure,
    "status": status.measure,
    "verify": verify.measure,
}


def main() -> int:
    """Measure, print, and write bench/results.json."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, help="one group of measurements")
    wanted = parser.parse_args().only
    measured: list[Result] = []
    logs.configure(level="WARNING", as_json=False)
    with stopped_by_signals():
        for name, measure in GROUPS.items():
            if wanted in {None, name}:
                print(f"{name} …", flush=True)
                measured.extend(measure())
                results.write(measured)
    results.print_table(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
