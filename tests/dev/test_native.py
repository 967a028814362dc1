import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev import native
from tests.dev.project import Project

MISSING = "redis-tools chromium"
NOT_FROM_PATH = [
    package for package in native.packages() if package not in {"redis-tools", "chromium"}
]

pytestmark = pytest.mark.skipif(
    not all(native.PROBES[package]() for package in NOT_FROM_PATH),
    reason="only Redis and Chromium can be hidden, by a PATH without them",
)


@pytest.fixture
def machine(project: Project) -> Path:
    """A folder that is the whole PATH: a machine with hardly any program."""
    programs = project.root / "bin"
    programs.mkdir()
    for name in ("env", "sh", "touch", "chmod"):
        (programs / name).symlink_to(shutil.which(name) or name)
    return programs


def add(machine: Path, name: str, script: str) -> None:
    program = machine / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def install(project: Project, *, as_user: bool = False) -> subprocess.CompletedProcess[str]:
    code = "from dev import native, terminal\n"
    if as_user:  # the kernel's answer is all that tells root from others here
        code += "import os; os.geteuid = lambda: 1000\n"
    code += "terminal.finish(lambda _words: native.install_missing() or 0)"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env={"PATH": str(project.root / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def sudo_that_works(machine: Path) -> None:
    add(machine, "sudo", 'shift; [ "$1" = true ] || exec "$@"')


def test_without_apt_the_missing_things_are_named(project: Project, machine: Path) -> None:
    refused = install(project)

    assert refused.returncode == 1
    assert refused.stderr == (
        "These are missing on this machine (the names are Debian's packages): "
        "redis-tools, chromium. Install them and run make again.\n"
    )


@pytest.mark.parametrize("has_sudo", [False, True])
def test_without_the_right_to_install_the_command_is_named(
    project: Project, machine: Path, has_sudo: bool
) -> None:
    add(machine, "apt-get", "echo must not be called; exit 1")
    if has_sudo:
        add(machine, "sudo", "echo a password is required >&2; exit 1")

    refused = install(project, as_user=True)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"Debian packages are missing: run `sudo apt-get update && sudo apt-get install "
        f"--no-install-recommends {MISSING}` and then make again.\n"
    )


def test_what_is_missing_is_installed_without_a_question(project: Project, machine: Path) -> None:
    sudo_that_works(machine)
    calls = project.root / "calls"
    add(
        machine,
        "apt-get",
        f'echo "$DEBIAN_FRONTEND: $*" >> {calls}\n'
        "echo 'W: Could not connect to a mirror of somebody else'\n"
        f"touch {machine}/redis-check-rdb {machine}/chromium\n"
        f"chmod +x {machine}/redis-check-rdb {machine}/chromium",
    )

    done = install(project)

    assert done.returncode == 0, done.stderr
    assert f"Debian: {MISSING}" in done.stdout
    options = "noninteractive: -o DPkg::Lock::Timeout=120"
    assert calls.read_text().splitlines() == [
        f"{options} update",
        f"{options} install --yes --no-install-recommends {MISSING}",
    ]
    assert install(project).stdout == ""


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "W: Failed to fetch x  Temporary failure resolving 'deb.debian.org'",
            (
                "Debian's packages cannot be fetched: there is no network (or no apt mirror "
                "answers); run make again when there is."
            ),
        ),
        ("E: broken packages", "apt-get could not install packages, see {log}: E: broken packages"),
    ],
)
def test_a_failing_apt_gives_one_sentence(
    project: Project, machine: Path, said: str, sentence: str
) -> None:
    sudo_that_works(machine)
    add(machine, "apt-get", f'echo "{said}"; exit 100')

    refused = install(project)

    assert refused.returncode == 1
    log = project.root / "var/log/apt.log"
    assert refused.stderr == sentence.format(log=log) + "\n"
    assert log.read_text() == f"{said}\n" * 2


def test_each_listed_package_can_be_looked_for() -> None:
    assert sorted(native.PROBES) == sorted(native.packages())
