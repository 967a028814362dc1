"""The native programs and libraries: which are missing, and how they are installed by apt.

`Aptfile` and `dev/apt.txt` name Debian's packages. Whether one is missing is asked of the machine,
not of dpkg: what came another way counts too, and other systems are told what to look for.
"""

import ctypes
import ctypes.util
import importlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dev.paths import ROOT, VAR
from dev.terminal import CommandError, step

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LISTS: Final = (ROOT / "Aptfile", ROOT / "dev" / "apt.txt")

_FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts")
_NO_NETWORK: Final = ("Temporary failure resolving", "Could not resolve", "Could not connect")


def browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(f"lib{name}.so.0")
    except OSError:
        return ctypes.util.find_library(name) is not None
    return True


def _has_font() -> bool:
    return any(next(Path(folder).rglob("DejaVuSans.ttf"), None) for folder in _FONT_FOLDERS)


def _has_redis() -> bool:
    return any(map(shutil.which, ("redis-server", "redis-check-rdb")))


# Each package with the question whether what it brings is there.
PROBES: Final[Mapping[str, Callable[[], bool]]] = MappingProxyType(
    {
        "libpango-1.0-0": lambda: _has_library("pango-1.0"),
        "libpangoft2-1.0-0": lambda: _has_library("pangoft2-1.0"),
        "libharfbuzz-subset0": lambda: _has_library("harfbuzz-subset"),
        "fonts-dejavu-core": _has_font,
        "redis-tools": _has_redis,
        "chromium": lambda: browser() is not None,
        "python3-venv": lambda: importlib.util.find_spec("ensurepip") is not None,
    }
)


def packages() -> list[str]:
    """Return the Debian packages that the two lists name."""
    lines = [line.strip() for file in LISTS for line in file.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def install_missing() -> None:
    """Install what is missing, or stop with the sentence that says how to.

    Raises:
        CommandError: apt or the right to use it is not there, or apt failed.
    """
    missing = [package for package in packages() if not PROBES[package]()]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise CommandError(
            "These are missing on this machine (the names are Debian's packages): "
            f"{', '.join(missing)}. Install them and run make again."
        )
    administrator = _administrator()
    if administrator is None:
        raise CommandError(
            f"Debian packages are missing: run `sudo apt-get update && sudo apt-get install "
            f"--no-install-recommends {' '.join(missing)}` and then make again."
        )
    with step(f"Debian: {' '.join(missing)}"):
        _apt_install(administrator, missing)
    importlib.invalidate_caches()  # it remembers that there was no ensurepip
    if still := [package for package in missing if not PROBES[package]()]:
        raise CommandError(f"apt-get installed {', '.join(still)}, and yet nothing of it is found.")


def _administrator() -> list[str] | None:
    """Return the words to put before a command that only root may run; None if we may not."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _apt_install(administrator: list[str], missing: list[str]) -> None:
    """Install packages without any question; what apt says goes to `var/log/apt.log`."""
    # A package's script that asks something would wait for ever: everything takes its default.
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    said = ""
    # A fresh image has no lists. One source of several that fails need not matter: install tells.
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            [*administrator, *apt, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said += done.stdout
    log = VAR / "log" / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(said)
    if done.returncode == 0:
        return
    if any(sign in said for sign in _NO_NETWORK):
        raise CommandError(
            "Debian's packages cannot be fetched: there is no network (or no apt mirror answers); "
            "run make again when there is."
        )
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    raise CommandError(f"apt-get could not install packages, see {log}: {last}")
