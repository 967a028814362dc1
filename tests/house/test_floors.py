import subprocess
import sys
from pathlib import Path

import pytest

from webapp.config import ROOT

# Files that hold one table of rules or one long list may be longer.
LONGEST = 350


def test_every_room_imports_only_what_is_below_it() -> None:
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", ["webapp", "tasks", "dev", "bench"])
def test_a_file_is_about_one_noun(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_web_api_and_tasks_leave_the_database_to_the_domain() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for folder in ("webapp/web", "webapp/api", "tasks")
        for path in (ROOT / folder).rglob("*.py")
        if "db.session" in path.read_text() and path.name != "worker.py"
    ]
    assert naming == []


def test_only_the_clock_asks_the_operating_system_for_the_time() -> None:
    asking = [
        str(path.relative_to(ROOT))
        for folder in ("webapp", "tasks")
        for path in (ROOT / folder).rglob("*.py")
        if "datetime.now(" in path.read_text()
    ]
    assert asking == ["webapp/core/clock.py"]
