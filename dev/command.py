"""`dev/flask …`: a command of the application that runs in this folder."""

import json
import os
import sys

from dev import paths
from dev.supervise import SETTINGS
from dev.terminal import CommandError, finish


def main(words: list[str]) -> int:
    """Become `flask` with the running application's settings.

    Raises:
        CommandError: nothing runs here.
    """
    if not SETTINGS.exists():
        raise CommandError("Nothing runs in this folder. Start `make run` in another terminal.")
    environment = paths.environment() | json.loads(SETTINGS.read_text())
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    os.execve(sys.executable, command, environment)  # noqa: S606  # our own interpreter


if __name__ == "__main__":
    finish(main)
