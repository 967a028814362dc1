"""`make laws`: for each law, the test that fails when its guard is switched off.

No switch exists in the code. The project is copied, the one place that is the guard is changed in
the copy, and the test that must fail now is run there. First all these tests are run with all
guards on. `python -m dev.laws 3 5` shows these two laws only.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from dev import paths, services
from dev.guards import GUARDS, LAWS, WAITING, Guard
from dev.services import Services
from dev.signals import stopped_by_signals
from dev.terminal import CommandError, finish

# pytest's own code: tests ran, and some failed. Anything else proves nothing.
_FAILED: Final = 1
# Its last line; a test whose preparation broke is an error there and no failure.
_SUMMARY: Final = re.compile(r"^\d+ failed(, \d+ (passed|deselected))* in ", re.MULTILINE)

# What is in the project's folder and no part of the project.
_NOT_COPIED: Final = shutil.ignore_patterns(".*", "var", "__pycache__")

_NARROWEST: Final = 80
_WIDEST: Final = 140
_OUTCOMES: Final = ("failed, as it must", "NOT PROVED")


@dataclass(frozen=True)
class _Run:
    """One run of pytest."""

    code: int
    seconds: float
    output: str

    @property
    def has_failed(self) -> bool:
        """Whether a test failed. One that is not there, or cannot begin, has not."""
        return self.code == _FAILED and _SUMMARY.search(self.output) is not None

    @property
    def reason(self) -> str:
        """The line that says what was not so: the first of the last traceback's."""
        blocks: list[str] = re.findall(r"(?:^E .*\n)+", self.output, re.MULTILINE)
        if not blocks:
            return ""
        first, *others = (line.removeprefix("E").strip() for line in blocks[-1].splitlines())
        if first.endswith("assert False"):
            first += f" {' '.join(others[:1])}"  # says what was false
        return f"E   {first}"


def main(words: Sequence[str]) -> int:
    """Show every guard, or those of the laws that are named by number; 0 when all are proved."""
    unknown = set(words) - {str(law) for law in LAWS}
    if unknown:
        raise CommandError(f"There is no law {min(unknown)}: they are 1 to {max(LAWS)}.")
    guards = [guard for guard in GUARDS if not words or str(guard.law) in words]
    with (
        stopped_by_signals(),
        services.started() as ready,
        tempfile.TemporaryDirectory(dir=ready.folder) as folder,
    ):
        tree = Path(folder) / "tree"
        shutil.copytree(paths.ROOT, tree, ignore=_NOT_COPIED)
        if not _all_pass(tree, guards, ready):
            return 1
        proved = _show(tree, guards, ready)
    waiting = "; ".join(f"law {law}, {what}" for law, what in WAITING.items())
    if waiting:
        print(f"\nStill without a guard, because it is not built yet: {waiting}.")
    print(f"\n{proved} of {len(guards)} guards are proved.")
    return 0 if proved == len(guards) else 1


def _all_pass(tree: Path, guards: Iterable[Guard], ready: Services) -> bool:
    tests = sorted({guard.test for guard in guards})
    print(f"With all guards on, {len(tests)} tests ", end="", flush=True)
    # Side by side, as by `make test`.
    run = _pytest(tree, ["-n", str(len(os.sched_getaffinity(0))), *tests], ready)
    if run.code:
        print(f"do not all pass:\n{run.output}\nMend that first.")
        return False
    print(f"pass in {run.seconds:.0f} s.")
    return True


def _show(tree: Path, guards: Iterable[Guard], ready: Services) -> int:
    """Switch off one guard after the other; return how many tests failed, as they must."""
    proved = law = 0
    print(_row("law", "guard that is off", "the test that fails", "outcome", ""))
    for guard in guards:
        if guard.law != law:
            law = guard.law
            print(f"\n{law:>3}  {LAWS[law]}")
        file = tree / guard.file
        whole = file.read_bytes()
        guard.switch_off(tree)
        # The same case fails each time: the first, and the others are not run.
        run = _pytest(tree, ["-x", "-p", "no:randomly", guard.test], ready)
        file.write_bytes(whole)
        proved += run.has_failed
        outcome = _OUTCOMES[0] if run.has_failed else _OUTCOMES[1]
        print(_row("", guard.what, guard.sentence, outcome, f"{run.seconds:.1f} s"))
        if run.has_failed:
            print(f"     {run.reason}"[: _width()], flush=True)
        else:
            print(f"pytest's code is {run.code}:\n{run.output[-3000:]}", flush=True)
    return proved


def _pytest(tree: Path, words: Sequence[str], ready: Services) -> _Run:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += ["-o", "verbosity_assertions=2"]  # what was compared is shown whole
    began = time.monotonic()
    done = subprocess.run(
        [*command, *words],
        cwd=tree,
        env=ready.processes.marked(ready.environment, "pytest"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return _Run(done.returncode, time.monotonic() - began, done.stdout)


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)


def _row(law: str, guard: str, test: str, outcome: str, seconds: str) -> str:
    """Write one row; what is longer than its column goes on in the next line."""
    last = max(map(len, _OUTCOMES))
    free = _width() - len("law  ") - len("  ") - len("  ") - last - len("  00.0 s")
    widths = (3, free // 2, free - free // 2, last)
    cells = [
        textwrap.wrap(cell, width)
        for cell, width in zip((law, guard, test, outcome), widths, strict=True)
    ]
    lines = [
        "  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True))
        for parts in zip_longest(*cells, fillvalue="")
    ]
    lines[0] += f"{seconds:>8}"
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    finish(main)
