"""A project of its own for a test: our commands around an application that only pretends.

Its programs are as bad as programs get: each leaves a child in a session of its own that is deaf to
every signal but KILL.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dev import runs
from dev.paths import ROOT

T = TypeVar("T")

PROCFILE = """\
web: python program.py web --host 0.0.0.0 --port $PORT
worker: python program.py worker
scheduler: python program.py scheduler
"""
PROGRAM = """
import http.server, os, signal, subprocess, sys, time

if sys.argv[1] == "deaf":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
print("hello from", sys.argv[1], flush=True)
subprocess.Popen([sys.executable, __file__, "deaf"], start_new_session=True)
if sys.argv[1] in ("web", "bank"):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
        def log_message(self, *_):
            pass
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Answer).serve_forever()
time.sleep(600)
"""
BANK = """
import os, runpy, sys
sys.argv[1:] = ["bank", os.environ["SANDBOX_URL"].rpartition(":")[2]]
runpy.run_path("program.py")
"""
WSGI = """
import os, flask, flask.cli

app = flask.Flask(__name__)
migrations = flask.cli.AppGroup("db")
app.cli.add_command(migrations)

@migrations.command("upgrade")
def upgrade():
    pass

@app.cli.command("seed")
def seed():
    print("Seeded for", os.environ["BASE_URL"], "in", os.environ["DATABASE_URL"])
"""


class Project:
    """A copy of our commands in a folder, with the virtual environment of this test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "dev", root / "dev")
        for name in ("Makefile", "Aptfile", "requirements-dev.txt"):
            shutil.copy(ROOT / name, root)
        (root / ".venv").symlink_to(sys.prefix)
        self.write("Procfile", PROCFILE)
        self.write("program.py", PROGRAM)
        self.write("webapp/sandbox.py", BANK)
        self.write("wsgi.py", WSGI)
        self._started: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """Our environment without the services and the marks of the run that we are in."""
        own = ("DATABASE_URL", "REDIS_URL", runs.RUN, runs.NAME)
        return {name: value for name, value in os.environ.items() if name not in own} | dict(
            changes or {}
        )

    def run(
        self, module: str, *words: str, changes: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=self.root,
            env=self.environment(changes),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    def start(
        self,
        module: str,
        *words: str,
        before: Sequence[str] = (),
        changes: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start one of our commands, with words such as `nohup` before it."""
        started = subprocess.Popen(
            [*before, sys.executable, "-m", module, *words],
            cwd=self.root,
            env=self.environment(changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(started)
        return started

    def processes(self) -> list[int]:
        """Every process that works anywhere in the project, marked or not."""
        return [pid for pid in runs.pids() if self._works_here(pid)]

    def temporary_folder(self) -> Path:
        """The folder outside the project that its commands write to."""
        asked = "from dev.paths import temporary_folder; print(temporary_folder())"
        words = [sys.executable, "-c", asked]
        said = subprocess.check_output(words, cwd=self.root, env=self.environment(), text=True)
        return Path(said.strip())

    def _works_here(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(self.root)
        except OSError:
            return False

    def names(self) -> list[str]:
        """The names under which the running processes of the project were started."""
        return sorted(name for run in self.run_ids() for name in runs.carriers(run).values())

    def run_ids(self) -> set[str]:
        """The ids of the runs that processes of this project carry."""
        found = set()
        for pid in self.processes():
            with suppress(OSError):
                variables = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
                found |= {one[len(runs.RUN) + 1 :] for one in variables if one.startswith(runs.RUN)}
        return found

    def end(self) -> None:
        """Leave nothing, whatever the test did."""
        for one in self._started:
            one.kill()
            one.wait()
            if one.stdout:
                one.stdout.close()
        for pid in self.processes():
            runs.send([pid], signal.SIGKILL)


def eventually(look: Callable[[], T], *, within_s: float = 60) -> T:
    """Return the first true value of `look`; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)
    return seen


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read the output up to the line that holds the words; fail when it ends without them."""
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if words in line:
            return text
    raise AssertionError(f"ended without {words!r}:\n{text}")
