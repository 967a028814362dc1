"""The whole application with its services, in one folder and on ports of the loopback."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self

from dev import fakes, settings
from dev.paths import ROOT, environment
from dev.ports import answers, free_ports
from dev.postgres import Postgres
from dev.processes import Processes, Program
from dev.redis import Redis
from dev.terminal import CommandError

Demo = Literal["plain", "examples"]
PROGRAMS: Final = ("bank", "web", "worker", "scheduler")

_READY_S: Final = 60


class Stack:
    """The application while the block lasts.

    The folder keeps its data, its mail, its secrets and its logs; without one it is a new folder,
    removed at the end. Without ports the kernel chooses them. `changes` are settings that differ
    from those of development; a DATABASE_URL or REDIS_URL among them takes the place of the
    embedded PostgreSQL or Redis. `demo` is what `flask seed` makes. `held`: see `Processes`. `step`
    is told what is being done. Among the programs may be providers: their fakes run on the
    ports after that of the bank, and each has a demo merchant of its own.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        ports: Sequence[int] = (),
        changes: Mapping[str, str] | None = None,
        programs: Iterable[str] = PROGRAMS,
        demo: Demo | None = None,
        is_echoed: bool = False,
        held: Sequence[IO[str]] = (),
        step: Callable[[str], AbstractContextManager[None]] = lambda _name: nullcontext(),
    ) -> None:
        self._opened = ExitStack()
        self.folder = folder or Path(tempfile.mkdtemp(prefix="stack-"))
        if folder is None:
            self._opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._programs = tuple(programs)
        providers = [name for name in self._programs if name in fakes.PROVIDERS]
        self.port, self.bank_port, *fake_ports = ports or free_ports(2 + len(providers))
        self.fake_ports = dict(zip(providers, fake_ports, strict=True))
        self.processes = Processes(self.folder / "log", is_echoed=is_echoed, held=held)
        self.seeded = ""
        self._changes = dict(changes or {})
        self._demo = demo
        self._step = step
        run = self.folder / "run"
        self.postgres = Postgres(self.processes, self.folder / "postgres", run)
        self.redis = Redis(self.processes, run)

    @property
    def url(self) -> str:
        """The address of the payment page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def bank_url(self) -> str:
        """The address of the sandbox bank."""
        return f"http://127.0.0.1:{self.bank_port}"

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.push(self._opened)
            opened.enter_context(self.processes)
            self._start()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def kill(self, name: str) -> None:
        """Kill a program as a crash would; it is started again at once."""
        self.processes.kill(name)

    def flask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the application, such as `flask("payments", "audit")`."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        return self.processes.run_once(command, self.environment, name="flask")

    def wait_until_ready(self, name: str) -> None:
        """Wait until the web, the bank or a fake provider answers.

        Raises:
            CommandError: it does not within a minute, or it was given up.
        """
        places = {"web": (self.port, "/api/health"), "bank": (self.bank_port, "/health")}
        places |= {name: (port, "/_control") for name, port in self.fake_ports.items()}
        port, path = places[name]
        self.processes.wait_until(lambda: answers(port, path), name, within_s=_READY_S)

    def _start(self) -> None:
        self._start_services()
        if "bank" in self._programs:  # it needs no database and comes up meanwhile
            self._run([sys.executable, "-m", "webapp.sandbox"], name="bank")
        for name, port in self.fake_ports.items():
            words = ["-m", "tests.fakes", name, "--port", str(port), "--key", fakes.KEY]
            self._run([sys.executable, *words], name=name)
        with self._step("Migrations"):
            self._flask_or_stop("db", "upgrade")
        for name, line in procfile().items():
            if name in self._programs:
                # What production runs, but reachable from this machine only.
                local = line.replace("--host 0.0.0.0", "--host 127.0.0.1")
                self._run(["sh", "-c", f"exec {local}"], name=name)
        if "bank" in self._programs:
            with self._step("Sandbox bank"):
                self.wait_until_ready("bank")
        if self._demo:
            with self._step("Demo data"):
                self._seed()
        if "web" in self._programs:
            with self._step("Web"):
                self.wait_until_ready("web")

    def _start_services(self) -> None:
        """Start what the application needs, and know its whole environment then."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings.application(
            self.folder,
            port=self.port,
            bank_port=self.bank_port,
            secret_settings=settings.kept_secrets(self.folder / "secrets.json"),
        )
        if "DATABASE_URL" not in self._changes:
            with self._step("PostgreSQL"):
                self.postgres.start()
                self.settings["DATABASE_URL"] = self.postgres.url("tillgate")
        if "REDIS_URL" not in self._changes:
            with self._step("Redis"):
                self.redis.start()
                self.settings["REDIS_URL"] = self.redis.url
        for provider, port in self.fake_ports.items():
            self.settings |= fakes.settings(provider, port)
        self.settings |= self._changes
        self.environment = environment() | self.settings

    def _seed(self) -> None:
        """Make the demo, and connect it to the fakes as merchants connect theirs to providers."""
        words = [] if self._demo == "examples" else ["--without-examples"]
        for provider, port in self.fake_ports.items():
            self.wait_until_ready(provider)
            file = self.folder / f"{provider}.json"
            file.write_text(json.dumps(fakes.account(port)))
            words += ["--account", str(file)]
        self.seeded = self._flask_or_stop("seed", *words)
        for provider, port in self.fake_ports.items():
            (url,) = re.findall(rf"\S+/hooks/{provider}/\S+", self.seeded)
            fakes.enter_webhook(provider, port, url)

    def _flask_or_stop(self, *words: str) -> str:
        done = self.flask(*words)
        if done.returncode:
            raise CommandError(
                f"`flask {' '.join(words)}` failed:\n{done.stdout.strip()}\n{done.stderr.strip()}"
            )
        return done.stdout.strip()

    def _run(self, command: Sequence[str], *, name: str) -> None:
        self.processes.start(Program(name, command, self.environment))


def procfile() -> dict[str, str]:
    """Return the commands of the Procfile by the names of their processes."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, _, command in pairs}
