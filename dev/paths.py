"""Where everything lies, and the environment that keeps it there.

All that the commands write is under `var/` and `.venv/`, but for one temporary folder.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dev.terminal import CommandError

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
VENV = ROOT / ".venv"

# A Unix socket's path has at most 107 bytes; ours are up to 25 longer than the project's.
LONGEST_ROOT = 80


def check_place() -> None:
    """See that the project lies where it can run.

    Raises:
        CommandError: its path is too long for sockets, or `var/` belongs to somebody else.
    """
    if len(os.fsencode(ROOT)) > LONGEST_ROOT:
        raise CommandError(
            f"The project's path is longer than {LONGEST_ROOT} bytes, too long for its sockets: "
            f"move {ROOT} to a shorter place and run make again."
        )
    if VAR.exists() and VAR.stat().st_uid != os.geteuid():
        raise CommandError(
            f"{VAR} belongs to another user: run make as that user, or remove the folder."
        )


def temporary_folder() -> Path:
    """Return the one folder outside the project that the commands write to."""
    digest = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]
    name = f"tillgate-{os.getuid()}-{digest}"
    base = Path(tempfile.gettempdir())
    return base if base.name == name else base / name


def make_temporary_folder() -> Path:
    """Make the temporary folder, for this user only, and return it.

    Raises:
        CommandError: something of that name is there already and is not ours.
    """
    folder = temporary_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise CommandError(f"{folder} is not a private folder of yours: remove it.")
    return folder


def keep_temporary_folder() -> None:
    """Keep the temporary folder as long as this process lives, also when it becomes another."""
    os.set_inheritable(_shared_lock(), True)


@contextmanager
def removed_temporary_folder() -> Iterator[None]:
    """Remove the temporary folder after the block, unless another command still keeps it."""
    lock = _shared_lock()
    make_temporary_folder()
    try:
        yield
    finally:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(temporary_folder(), ignore_errors=True)
        os.close(lock)


def _shared_lock() -> int:
    """Return the open lock of the temporary folder, which this process may have kept already."""
    file = VAR / "temporary.lock"
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # numbers, not paths
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}") == str(file):  # noqa: PTH115  # may be no path
                return int(name)
    VAR.mkdir(exist_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def environment() -> dict[str, str]:
    """Return the environment for whatever we start: ours, with caches and home kept in `var/`.

    What would change the mind of Python, make or a PostgreSQL client is left out; PostgreSQL's
    variables stay where the developer uses a database of their own.
    """
    dropped = ["PYTHON", "XDG_", "MAKE", "MFLAGS"]
    if "DATABASE_URL" not in os.environ:
        dropped.append("PG")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(tuple(dropped))
    }
    cache = VAR / "cache"
    home = VAR / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(VENV),
        "HOME": str(home),
        "TMPDIR": str(make_temporary_folder()),
        "MYPY_CACHE_DIR": str(cache / "mypy"),
        "RUFF_CACHE_DIR": str(cache / "ruff"),
        "UV_CACHE_DIR": str(cache / "uv"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(cache / "hypothesis"),
        "PYTHONUNBUFFERED": "1",  # a line is seen when it is written, also through a pipe
        "FLASK_SKIP_DOTENV": "1",
    }
