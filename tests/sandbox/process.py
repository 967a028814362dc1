"""A real bank in a process of its own, which a test may kill and start again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from webapp.providers import http
from webapp.providers.base import HttpRequest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the-bank-of-the-tests-keeps-this-secret"

T = TypeVar("T")


def free_port() -> int:
    """Return a port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], T], *, within_s: float = 60) -> T:
    """Return the first true value that `look` returns; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {look}"
        time.sleep(0.02)
    return seen


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a bank whose store lies in the folder."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    return {
        **others,
        "ENVIRONMENT": "test",
        "SANDBOX_SECRET": SECRET,
        "SANDBOX_STORE": str(folder / "bank.db"),
        "SANDBOX_NOTICE_DELAY_S": "0.05",
        **settings,
    }


class BankProcess:
    """`python -m webapp.sandbox` on a free port of the loopback."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log = folder / "bank.log"
        self._environment = environment(folder, SANDBOX_URL=self.url, **settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the bank and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "webapp.sandbox"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(self._answers)
        except AssertionError:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the bank without a warning and wait until nobody answers any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            eventually(lambda: not self._answers())

    def terminate(self, *, within_s: float) -> int:
        """Ask the bank to stop and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(within_s)
        self._process = None
        return code

    def _answers(self) -> bool:
        assert self._process is None or self._process.poll() is None, self._log.read_text()
        try:
            return http.send(HttpRequest("GET", f"{self.url}/health"), timeout_s=20).status == 200
        except http.NoAnswerError:
            return False
