"""Runs every switch of every provider, and writes how each ended into docs/providers.md."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from dev import switch_table
from dev.paths import ROOT
from dev.terminal import CommandError, finish

_TESTS: Final = "tests/providers/test_switches.py::test_every_switch_ends_as_the_page_says"


def main(_words: list[str]) -> int:
    """Run the tests that tell, and make the table of what they told.

    Raises:
        CommandError: a switch came to no end.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dev.run_tests", _TESTS, "-q", "-n2"]
        environment = {**os.environ, "SWITCHES_INTO": folder}
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            raise CommandError("Not every switch came to its end: docs/providers.md stays.")
        told = [json.loads(file.read_text()) for file in sorted(Path(folder).iterdir())]
    endings = {(name, provider): ending for _, name, provider, ending in told}
    names = [name for _, name in sorted({(number, name) for number, name, _, _ in told})]
    page = switch_table.PAGE.read_text()
    written = switch_table.written(page, names, endings)
    if written != page:
        switch_table.PAGE.write_text(written)
        print("docs/providers.md written")
    return 0


if __name__ == "__main__":
    finish(main)
