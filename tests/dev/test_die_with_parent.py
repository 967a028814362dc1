import subprocess
import sys
import textwrap

from dev import runs
from dev.paths import ROOT
from tests.dev.project import eventually

PARENT = """
    import os, time
    from webapp.core.process import die_with_parent
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(parent)
        print(os.getpid(), flush=True)
        time.sleep(600)
    time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def test_a_child_dies_with_its_killed_parent() -> None:
    with subprocess.Popen(python(PARENT), cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert runs.is_alive(child)

        parent.kill()

        eventually(lambda: not runs.is_alive(child))


def test_a_child_whose_parent_is_gone_already_dies_at_once() -> None:
    # Nobody has the number 0: as if the parent had ended and another had taken over the child.
    code = "from webapp.core.process import die_with_parent; die_with_parent(0); print('alive')"

    done = subprocess.run(python(code), cwd=ROOT, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (-9, b"")


def test_a_process_with_a_living_parent_goes_on() -> None:
    code = "from webapp.core.process import die_with_parent; die_with_parent(); print('alive')"

    done = subprocess.run(python(code), cwd=ROOT, capture_output=True, check=True)

    assert done.stdout == b"alive\n"
