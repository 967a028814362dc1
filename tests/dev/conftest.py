import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.processes import Processes
from tests.dev.project import Project


def short_folder() -> Iterator[Path]:
    """An empty folder whose path is short enough for sockets; pytest's own is not."""
    made = Path(tempfile.mkdtemp(prefix="t-")).resolve()
    yield made
    shutil.rmtree(made, ignore_errors=True)


folder = pytest.fixture(short_folder)


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    made = Project(folder / "p")
    yield made
    made.end()


@pytest.fixture
def processes(folder: Path) -> Iterator[Processes]:
    with Processes(folder / "log", backoff_s=0.01) as made:
        yield made
