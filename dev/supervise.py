"""`make run`: the whole application under one supervisor that leaves no process behind."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from dev import fakes, paths, ports, runs, settings
from dev.signals import Stopped, stopped_by_signals
from dev.stack import PROGRAMS, Stack
from dev.terminal import CommandError, finish, step

RUN: Final = paths.VAR / "run"
# The settings of the application that runs now, for `make seed`.
SETTINGS: Final = RUN / "settings.json"

_CLEARING_UP_S: Final = 25
# The two ports after it have to be ports too.
_HIGHEST: Final = 65533


class AlreadyRunningError(CommandError):
    """The folder's one application runs already."""


def main(words: list[str]) -> int:
    """Run the application on the port that is named, and the sandbox bank on the next one.

    A second word names a provider whose fake runs on the port after these.
    """
    started = time.monotonic()
    port = read_port(words)
    providers = fakes.read_provider(words[1:])
    paths.check_place()
    with stopped_by_signals(), paths.removed_temporary_folder(), only_one(port) as lock:
        check_ports(port, *providers)
        try:
            with Stack(
                paths.VAR,
                ports=range(port, port + 2 + len(providers)),
                changes=own_services(),
                demo="examples",
                programs=[*PROGRAMS, *providers],
                is_echoed=True,
                held=[lock],
                step=step,
            ) as stack:
                settings.write_private(SETTINGS, stack.settings)
                _show(stack, time.monotonic() - started)
                raise CommandError(stack.processes.wait_for_failure())
        except Stopped:
            print("Stopped.", flush=True)
            return 0
        finally:
            SETTINGS.unlink(missing_ok=True)


def own_services() -> dict[str, str]:
    """Return the addresses of the services that the developer brings along."""
    names = ("DATABASE_URL", "REDIS_URL")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


@contextmanager
def only_one(port: int) -> Iterator[IO[str]]:
    """Hold the lock of this folder for the block. The watchdog is to hold it too.

    Raises:
        AlreadyRunningError: another run holds it.
    """
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (RUN / "lock").open("a+") as lock:
        deadline = time.monotonic() + _CLEARING_UP_S
        while not _try_to_lock(lock):
            lock.seek(0)
            pid, _, address = lock.read().strip().partition(" ")
            # A run that was killed holds the lock until its watchdog has cleared up.
            if runs.is_alive(int(pid)) or time.monotonic() > deadline:
                raise AlreadyRunningError(
                    f"Tillgate is already running in this folder, at {address} (process {pid}): "
                    "use it, or stop it first."
                )
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{os.getpid()} http://127.0.0.1:{port}")
        lock.flush()
        yield lock


def _try_to_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_port(words: list[str]) -> int:
    """Return the port that the command line names, or 8000.

    Raises:
        CommandError: it is no number of a port with two more after it.
    """
    word = words[0] if words else "8000"
    if word.isascii() and word.isdigit() and 1 <= int(word) <= _HIGHEST:
        return int(word)
    raise CommandError(
        f"PORT must be a number from 1 to {_HIGHEST}, not {word!r}: "
        "make run PORT=8000, for example."
    )


def check_ports(port: int, *providers: str) -> None:
    """See that the payment page, the sandbox bank and the fakes of these providers can listen.

    Raises:
        CommandError: they cannot; it names a port where they can.
    """
    servers = ["the payment page", "the sandbox bank", *(f"the fake {one}" for one in providers)]
    for number, whose in enumerate(servers, start=port):
        try:
            is_free = ports.is_free(number)
        except PermissionError:
            raise CommandError(
                f"Port {number} is for root only: make run PORT=8000, for example."
            ) from None
        if not is_free:
            other = next(
                (
                    one
                    for one in range(8100, 65000, 100)
                    if all(map(ports.is_free, range(one, one + len(servers))))
                ),
                None,
            )
            raise CommandError(
                f"Port {number} (for {whose}) is in use by another program: make run PORT={other}."
            )


def _show(stack: Stack, seconds: float) -> None:
    told = [f"\n{fakes.described(name, port)}" for name, port in stack.fake_ports.items()]
    print(
        f"\nTillgate is ready after {seconds:.1f} s: {stack.url}"
        f"\n  sandbox bank  {stack.bank_url}{''.join(told)}"
        f"\n  mail          {stack.url}/dev/mail, the files in {stack.folder / 'mail'}"
        f"\n  check now     curl -X POST {stack.url}/api/test/checkout-sessions"
        f"\n  logs          here, and of PostgreSQL and Redis in {stack.folder / 'log'}"
        f"\n\n{stack.seeded}\n\nCtrl-C stops it.\n",
        flush=True,
    )


if __name__ == "__main__":
    finish(main)
