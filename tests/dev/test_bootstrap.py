import base64
import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pip
import pytest

from tests.dev.project import Project

HOW_TINY = "import tiny; print('tiny', tiny.SIZE)"


def make_wheel(folder: Path) -> str:
    """Make a package of one line in the folder, and return the requirement that names it."""
    about = "tiny-1.0.dist-info"
    files = {
        "tiny.py": "SIZE = 1\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{name},sha256={digest.decode()},{len(text)}\n"
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(name, text)
    return f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def fresh(project: Project) -> Project:
    """A fresh clone that needs one package, which lies beside it."""
    (project.root / ".venv").unlink()
    project.write("requirements-dev.txt", make_wheel(project.root))
    project.write("Aptfile", "")
    project.write("dev/apt.txt", "# nothing\n")
    return project


def prepare(project: Project, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    offline = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(project.root),
    }
    return subprocess.run(
        ["dev/python", "-m", "dev.bootstrap", *words],
        cwd=project.root,
        env={**kept, **offline, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def cpu_s() -> float:
    """The processor time of our children so far: a busy machine does not stretch it as a clock."""
    used = os.times()
    return used.children_user + used.children_system


def with_pip(project: Project) -> None:
    """Give the project an environment with our own pip: making a whole one takes seconds."""
    made = project.root / ".venv"
    venv.create(made, symlinks=True)
    source = Path(pip.__file__).parent
    shutil.copytree(source, next(made.glob("lib/python*/site-packages")) / "pip")


@pytest.mark.timeout(300)  # a whole virtual environment, which a busy machine makes slowly
def test_what_was_interrupted_is_repaired_and_what_is_ready_is_left_alone(fresh: Project) -> None:
    (fresh.root / ".venv/bin").mkdir(parents=True)
    (fresh.root / ".venv/bin/python").symlink_to("/nowhere/python3")
    fresh.write(".venv/tillgate-stamp.json", '{"root": ')

    first = prepare(fresh, "python", "-c", HOW_TINY)
    before = cpu_s()
    second = prepare(fresh, "python", "-c", HOW_TINY)

    assert first.stderr == ""
    heading, venv, packages, told = first.stdout.splitlines()
    assert heading == "Preparing Tillgate, once:"
    assert venv.startswith("  Virtual environment ")
    assert packages.startswith("  Python packages ")
    assert told == "tiny 1"
    assert second.stdout == "tiny 1\n"
    assert cpu_s() - before < 1


def test_without_a_network_one_sentence_says_so(fresh: Project) -> None:
    with_pip(fresh)

    refused = prepare(
        fresh,
        "python",
        PIP_NO_INDEX="0",
        PIP_FIND_LINKS=str(fresh.root / "nothing"),
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="1",
    )

    assert refused.returncode == 1
    assert refused.stderr == (
        "The Python packages cannot be fetched: there is no network (or the package index does "
        "not answer); run make again when there is.\n"
    )


def test_a_package_that_is_not_what_was_pinned_is_refused(fresh: Project) -> None:
    with_pip(fresh)
    fresh.write("requirements-dev.txt", f"tiny==1.0 --hash=sha256:{'0' * 64}\n")

    refused = prepare(fresh, "python")

    assert refused.returncode == 1
    assert refused.stderr.startswith("The Python packages could not be installed, see ")
    assert "HASHES" in (fresh.root / "var/log/pip.log").read_text()


def test_a_path_too_long_for_sockets_is_refused(folder: Path) -> None:
    long = Project(folder / ("x" * 81))

    refused = long.run("dev.bootstrap", "true")

    assert refused.returncode == 1
    assert refused.stderr == (
        "The project's path is longer than 80 bytes, too long for its sockets: "
        f"move {long.root} to a shorter place and run make again.\n"
    )
    assert not (long.root / "var").exists()


def test_a_python_that_refuses_is_passed_over(project: Project) -> None:
    programs = project.root / "bin"
    programs.mkdir()
    refusing = programs / "python3"
    refusing.write_text("#!/bin/sh\necho version 3.99 is not installed >&2\nexit 127\n")
    refusing.chmod(0o755)
    (programs / "python3.11").symlink_to(sys.executable)

    done = subprocess.run(
        ["dev/python", "-c", "print('works')"],
        cwd=project.root,
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("works\n", "")
