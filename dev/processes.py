"""Named child processes that are started again when they die, and that end when we end.

Each runs in a session of its own. A watchdog ends them all when this process is gone, however it
went: a death signal set by each child itself would reach only the children that set it, not
theirs, and not PostgreSQL, Redis or a browser.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from dev import runs
from dev.output import Output
from dev.paths import ROOT
from dev.terminal import CommandError


@dataclass(frozen=True)
class Program:
    """One named process: what runs, in which environment, and how it is asked to stop."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    executable: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 25  # a job that drains what is due takes up to 20
    prepare: Callable[[], None] = lambda: None  # runs before each start


class _Child:
    """A program while it is kept running."""

    def __init__(self, program: Program, output: Output) -> None:
        self.program = program
        self.output = output
        self.lock = threading.Lock()
        self.is_stopping = threading.Event()
        self.was_killed = False
        self.quick_deaths = 0
        self.started = 0.0
        self.process: subprocess.Popen[bytes]
        self.keeper: threading.Thread


class Processes:
    """The children of one command, and the watchdog that outlives it.

    `logs` is the folder for their output, `is_echoed` sends it to our own output instead, each line
    after the name of its process. A child that dies is started again at once, then after
    `backoff_s`, twice that, and so on; after five deaths in a row, each within `quick_s` of its
    start, the run has failed: `failure` says why. `held` are open files that the watchdog keeps
    open until all is ended, such as a lock.
    """

    def __init__(
        self,
        logs: Path,
        *,
        is_echoed: bool = False,
        backoff_s: float = 1.0,
        quick_s: float = 5.0,
        held: Sequence[IO[str]] = (),
    ) -> None:
        self.run = runs.new_run()
        self.failure: str | None = None
        self._has_failed = threading.Event()
        self._is_closing = threading.Event()
        self._logs = logs
        self._is_echoed = is_echoed
        self._backoff_s = backoff_s
        self._quick_s = quick_s
        self._held = held
        self._children: dict[str, _Child] = {}
        self._outputs: dict[str, Output] = {}
        self._watchdog: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        unmarked = {name: value for name, value in os.environ.items() if name != runs.RUN}
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "dev.watchdog", self.run],
            cwd=ROOT,
            env=unmarked,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[file.fileno() for file in self._held],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closing.set()
        names = list(self._children)
        self.stop(*[name for name in names if name not in runs.SERVICES])
        self.stop(*[name for name in names if name in runs.SERVICES])
        if self._watchdog.stdin:
            self._watchdog.stdin.close()
        self._watchdog.wait()

    def marked(self, environment: Mapping[str, str], name: str) -> dict[str, str]:
        """Return the environment with the marks by which a process of this run is found."""
        return {**environment, runs.RUN: self.run, runs.NAME: name}

    def start(self, program: Program, *, is_echoed: bool | None = None) -> None:
        """Start a program and keep it running until `stop`."""
        child = _Child(program, self._output(program.name, is_echoed))
        self._launch(child)
        child.keeper = threading.Thread(target=self._keep, args=(child,), daemon=True)
        child.keeper.start()
        self._children[program.name] = child

    def pid(self, name: str) -> int:
        """Return the number of the process that runs under this name now."""
        return self._children[name].process.pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process itself. If it dies, it is started again at once."""
        child = self._children[name]
        with child.lock:
            child.was_killed = True
            child.process.send_signal(number)

    def stop(self, *names: str) -> None:
        """Ask these to stop, side by side, and kill what does not within its grace."""
        children = [self._children[name] for name in names]
        for child in children:
            with child.lock:
                child.is_stopping.set()
                child.process.send_signal(child.program.stop_signal)
        asked = time.monotonic()
        for child in children:
            child.keeper.join(max(0.0, asked + child.program.grace_s - time.monotonic()))
            if child.keeper.is_alive():
                child.process.kill()
                child.keeper.join()
            del self._children[child.program.name]

    def run_once(
        self, command: Sequence[str], environment: Mapping[str, str], *, name: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of this run to its end; what it said is in the answer."""
        return subprocess.run(
            command,
            env=self.marked(environment, name),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    def wait_until(self, is_ready: Callable[[], bool], name: str, *, within_s: float) -> None:
        """Wait until a process that was started answers.

        Raises:
            CommandError: it did not in time, or the run has failed.
        """
        deadline = time.monotonic() + within_s
        while not is_ready():
            if self._has_failed.wait(0.03):
                raise CommandError(self.failure)
            if time.monotonic() > deadline:
                child = self._children[name]
                raise CommandError(
                    f"{name} did not answer within {within_s:.0f} s.{child.output.tail()}"
                )

    def wait_for_failure(self, timeout_s: float | None = None) -> str | None:
        """Wait until a process is given up, and return the sentence; None when the time is over."""
        self._has_failed.wait(timeout_s)
        return self.failure

    def _output(self, name: str, is_echoed: bool | None) -> Output:
        """Return the output of that name: a program that is started anew goes on in its log."""
        if name not in self._outputs:
            echo = self._is_echoed if is_echoed is None else is_echoed
            self._outputs[name] = Output(name, None if echo else self._logs)
        return self._outputs[name]

    def _launch(self, child: _Child) -> None:
        program = child.program
        program.prepare()
        with child.output.opened() as stream:
            child.process = subprocess.Popen(
                program.command,
                executable=program.executable,
                env=self.marked(program.environment, program.name),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started = time.monotonic()

    def _keep(self, child: _Child) -> None:
        """Wait for the child's deaths, clear up after it, and start it again."""
        while True:
            code = child.process.wait()
            lived_s = time.monotonic() - child.started
            self._clear_up(child.program.name)
            child.output.drain()
            if child.was_killed:
                child.quick_deaths = 0
            else:
                child.quick_deaths = child.quick_deaths + 1 if lived_s < self._quick_s else 1
            child.was_killed = False
            if child.quick_deaths >= 5:
                self._give_up(child, code)
                return
            doublings = child.quick_deaths - 2
            pause_s = min(self._backoff_s * 2.0**doublings, 10) if doublings >= 0 else 0
            child.is_stopping.wait(pause_s)
            with child.lock:
                if child.is_stopping.is_set() or self._is_closing.is_set():
                    return
                try:
                    self._launch(child)
                except (OSError, CommandError) as error:
                    self._fail(f"{child.program.name} cannot be started again: {error}")
                    return

    def _clear_up(self, name: str) -> None:
        """Kill what a dead child left behind, as a platform ends the whole machine of a process."""
        runs.end_found(
            lambda: [pid for pid, carried in runs.carriers(self.run).items() if carried == name],
            first=signal.SIGKILL,
            grace_s=0,
        )

    def _give_up(self, child: _Child, code: int) -> None:
        name = child.program.name
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        self._fail(
            f"{name} died five times in a row, the last time with {how}.{child.output.tail()}"
        )

    def _fail(self, sentence: str) -> None:
        self.failure = sentence
        self._has_failed.set()
