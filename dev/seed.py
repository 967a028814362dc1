"""`make seed`: put the demo data into the development database, running or not."""

import json
import subprocess
import sys

from dev import paths
from dev.signals import stopped_by_signals
from dev.stack import Stack
from dev.supervise import (
    SETTINGS,
    AlreadyRunningError,
    check_ports,
    only_one,
    own_services,
    read_port,
)
from dev.terminal import finish, step


def main(words: list[str]) -> int:
    """Seed by the settings of the application that runs, or start what a seed needs meanwhile."""
    port = read_port(words)
    paths.check_place()
    try:
        with stopped_by_signals(), paths.removed_temporary_folder(), only_one(port) as lock:
            check_ports(port)
            with Stack(
                paths.VAR,
                ports=(port, port + 1),
                changes=own_services(),
                programs=["bank"],
                demo="examples",
                held=[lock],
                step=step,
            ) as stack:
                print(f"\n{stack.seeded}")
            return 0
    except AlreadyRunningError:
        if not SETTINGS.exists():  # it is only just starting, and seeds by itself
            raise
    environment = paths.environment() | json.loads(SETTINGS.read_text())
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "seed"]
    return subprocess.run(command, cwd=paths.ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    finish(main)
