"""Makes the machine ready, once, and then becomes the command that it is given.

Runs by the machine's own Python with nothing but the standard library:
`dev/python -m dev.bootstrap pytest -q` installs what is missing and runs the virtual environment's
pytest. When there is nothing to install, that costs a tenth of a second.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

from dev import native, paths
from dev.terminal import CommandError, finish, step

REQUIREMENTS = paths.ROOT / "requirements-dev.txt"
STAMP = paths.VENV / "tillgate-stamp.json"
# How long the installation took, for the last line of `make test`.
SECONDS = "TILLGATE_INSTALLATION_S"

_PYTHON = paths.VENV / "bin" / "python"
_NO_NETWORK = (
    "Failed to establish a new connection",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "Connection refused",
)


def main(words: list[str]) -> int:
    """Install what is missing, then run the words, if any, in the virtual environment."""
    paths.check_place()
    paths.keep_temporary_folder()
    started = time.monotonic()
    _prepare()
    os.chdir(paths.ROOT)
    environment = paths.environment() | {SECONDS: f"{time.monotonic() - started:.1f}"}
    if words:
        os.execvpe(words[0], words, environment)  # noqa: S606  # the caller is our Makefile
    return 0


def _prepare() -> None:
    paths.VAR.mkdir(exist_ok=True)
    with (paths.VAR / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands on a fresh clone: one installs
        wanted = _wanted()
        found = _stamp()
        if found == wanted and _works("-c", ""):
            return
        print("Preparing Tillgate, once:", flush=True)
        native.install_missing()
        # An installation that was interrupted or moved leaves files nobody can account for.
        is_whole = found is None or (found["root"] == wanted["root"] and "packages" in found)
        if not (is_whole and _works("-m", "pip", "--version")):
            with step("Virtual environment"):
                _make_virtual_environment()
        STAMP.write_text(json.dumps({"root": wanted["root"]}))
        with step("Python packages"):
            _install_packages()
        STAMP.write_text(json.dumps(wanted))


def _wanted() -> dict[str, str]:
    """Return what a finished installation of this project in this place is stamped with."""
    lists = [REQUIREMENTS, *native.LISTS]
    content = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in lists)
    return {"root": str(paths.ROOT), "packages": hashlib.sha256(content).hexdigest()}


def _stamp() -> dict[str, str] | None:
    """Return the stamp, without `packages` where an installation began and did not end."""
    try:
        stamp = json.loads(STAMP.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {"root": ""}
    return {str(name): str(value) for name, value in stamp.items()}


def _works(*words: str) -> bool:
    try:
        return _run([str(_PYTHON), "-I", *words]).returncode == 0
    except OSError:
        return False


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TMPDIR": str(paths.make_temporary_folder()),
        "PIP_CACHE_DIR": str(paths.VAR / "cache" / "pip"),
    }
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
    )


def _make_virtual_environment() -> None:
    if paths.VENV.is_symlink():  # somebody else's: it stays as it is
        paths.VENV.unlink()
    shutil.rmtree(paths.VENV, ignore_errors=True)
    done = _run([sys.executable, "-I", "-m", "venv", str(paths.VENV)])
    if done.returncode:
        raise CommandError(f"The virtual environment could not be made: {done.stdout.strip()}")


def _install_packages() -> None:
    pip = [str(_PYTHON), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    done = _run([*pip, "--no-user", "--require-hashes", "-r", str(REQUIREMENTS)])
    if done.returncode == 0:
        return
    if any(sign in done.stdout for sign in _NO_NETWORK):
        raise CommandError(
            "The Python packages cannot be fetched: there is no network (or the package index does "
            "not answer); run make again when there is."
        )
    log = paths.VAR / "log" / "pip.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout)
    last = [line for line in done.stdout.splitlines() if line.startswith("ERROR")][-1:]
    raise CommandError(f"The Python packages could not be installed, see {log}: {''.join(last)}")


if __name__ == "__main__":
    finish(main)
