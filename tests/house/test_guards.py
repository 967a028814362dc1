"""The table of guards fits the code and the tests: each line can be switched off."""

import ast
from pathlib import Path

import pytest

from dev.guards import GUARDS, LAWS, WAITING, Guard
from dev.terminal import CommandError
from webapp.config import ROOT

EACH = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.law}: {guard.what}")


@EACH
def test_the_guard_stands_once_in_its_file_and_without_it_the_file_is_still_python(
    guard: Guard,
) -> None:
    before = (ROOT / guard.file).read_text()
    after = guard.taken_out_of(before)
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))


@EACH
def test_the_test_of_the_guard_is_there(guard: Guard) -> None:
    file, _, name = guard.test.partition("::")
    body = ast.parse((ROOT / file).read_text()).body
    assert name in {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_every_law_has_a_guard_and_none_is_listed_twice() -> None:
    assert [guard.law for guard in GUARDS] == sorted(guard.law for guard in GUARDS)
    assert {guard.law for guard in GUARDS} == set(LAWS)
    assert set(WAITING) <= set(LAWS)
    assert len({guard.what for guard in GUARDS}) == len(GUARDS)
    assert len({(guard.file, guard.old, guard.new) for guard in GUARDS}) == len(GUARDS)


@pytest.mark.parametrize("text", ["", "lock()\nlock()\n"])
def test_a_guard_that_is_not_there_once_is_not_switched_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "code.py").write_text(text)
    guard = Guard(law=1, what="", file="code.py", old="lock()", new="", test="")
    with pytest.raises(CommandError, match=r"code\.py"):
        guard.switch_off(tmp_path)
    assert (tmp_path / "code.py").read_text() == text


def test_what_is_switched_off_is_off(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("lock()\nsettle()\n")
    guard = Guard(law=1, what="", file="code.py", old="lock()\n", new="", test="::test_it_is_so")
    guard.switch_off(tmp_path)
    assert (tmp_path / "code.py").read_text() == "settle()\n"
    assert guard.sentence == "it is so"
