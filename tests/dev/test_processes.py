import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest

from dev import runs
from dev.paths import ROOT
from dev.processes import Processes, Program
from dev.terminal import CommandError
from tests.dev.project import eventually, read_until

FOREVER = ["sleep", "600"]


def program(name: str, *command: str, grace_s: float = 10) -> Program:
    return Program(name, command, dict(os.environ), grace_s=grace_s)


def python(name: str, code: str, *, grace_s: float = 10) -> Program:
    return program(name, sys.executable, "-c", textwrap.dedent(code), grace_s=grace_s)


def is_replaced(processes: Processes, name: str, pid: int) -> bool:
    return processes.pid(name) != pid


def test_a_program_that_dies_is_started_again(processes: Processes) -> None:
    processes.start(program("sleeper", *FOREVER))
    first = processes.pid("sleeper")

    os.kill(first, signal.SIGKILL)

    eventually(lambda: processes.pid("sleeper") != first)
    assert runs.is_alive(processes.pid("sleeper"))
    assert not runs.is_alive(first)


def test_five_quick_deaths_in_a_row_end_the_run_with_the_last_words(processes: Processes) -> None:
    processes.start(program("broken", "sh", "-c", "echo no such table; exit 3"))

    failure = processes.wait_for_failure(60)

    assert failure is not None
    first, *last_words = failure.splitlines()
    assert first == "broken died five times in a row, the last time with code 3."
    assert last_words == ["  broken | no such table"] * 5


def test_waiting_for_a_program_that_never_stays_up_says_why(processes: Processes) -> None:
    processes.start(program("broken", "sh", "-c", "kill -9 $$"))

    with pytest.raises(
        CommandError, match="five times in a row, the last time with signal SIGKILL"
    ):
        processes.wait_until(lambda: False, "broken", within_s=60)


def test_waiting_for_a_silent_program_ends_with_its_last_words(processes: Processes) -> None:
    processes.start(program("silent", "sh", "-c", "echo thinking; exec sleep 600"))
    log = processes._logs / "silent.log"
    eventually(log.read_text)

    with pytest.raises(
        CommandError, match=r"silent did not answer within 0 s\.\n  silent \| thinking"
    ):
        processes.wait_until(lambda: False, "silent", within_s=0.1)


def test_a_kill_that_we_asked_for_is_no_failure(processes: Processes) -> None:
    processes.start(program("victim", *FOREVER))

    for _ in range(7):
        killed = processes.pid("victim")
        processes.kill("victim")
        eventually(partial(is_replaced, processes, "victim", killed))

    assert processes.wait_for_failure(0) is None


def test_a_dead_program_takes_along_what_it_left_behind(processes: Processes) -> None:
    processes.start(
        python(
            "parent",
            """
            import subprocess, time
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            print(child.pid, flush=True)
            time.sleep(600)
            """,
        )
    )
    log = processes._logs / "parent.log"
    child = int(eventually(log.read_text))

    processes.kill("parent")

    eventually(lambda: not runs.is_alive(child))


def test_a_program_that_ignores_term_is_killed_after_its_grace(processes: Processes) -> None:
    processes.start(
        python(
            "deaf",
            """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("ready", flush=True)
            time.sleep(600)
            """,
            grace_s=0.1,
        )
    )
    eventually((processes._logs / "deaf.log").read_text)
    pid = processes.pid("deaf")

    processes.stop("deaf")

    assert not runs.is_alive(pid)


def test_programs_are_asked_to_stop_side_by_side_and_may_say_goodbye(processes: Processes) -> None:
    goodbye = "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.05; done"
    for name in ("one", "two"):
        processes.start(program(name, "sh", "-c", goodbye))
        eventually((processes._logs / f"{name}.log").read_text)

    processes.stop("one", "two")

    for name in ("one", "two"):
        assert (processes._logs / f"{name}.log").read_text() == "hi\nbye\n"


def test_a_run_inside_a_run_ends_with_the_outer_one(processes: Processes) -> None:
    nested = """
        import os, subprocess, sys
        from pathlib import Path
        from dev.processes import Processes, Program
        with Processes(Path(sys.argv[1])) as inner:
            inner.start(Program("inner", ["sleep", "600"], os.environ))
            print(inner.pid("inner"), flush=True)
            os.kill(inner._watchdog.pid, 9)  # so that nobody but the outer run can end it
            inner.wait_for_failure()
    """
    code = textwrap.dedent(nested)
    processes.start(program("outer", sys.executable, "-c", code, str(processes._logs / "inner")))
    inner = int(eventually((processes._logs / "outer.log").read_text))

    processes.kill("outer")
    processes.stop("outer")
    runs.end(processes.run, grace_s=1)

    assert not runs.is_alive(inner)


def test_the_output_is_echoed_line_by_line_with_the_name(folder: Path) -> None:
    code = f"""
        import os
        from pathlib import Path
        from dev.processes import Processes, Program
        speech = ["sh", "-c", "echo a; echo b; sleep 600"]
        with Processes(Path({str(folder)!r}), is_echoed=True) as processes:
            processes.start(Program("speaker", speech, os.environ))
            processes.wait_for_failure()
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert read_until(owner, "b") == "speaker   | a\nspeaker   | b\n"
        owner.kill()


def test_a_hangup_is_ignored_under_nohup_and_the_first_signal_is_the_only_one() -> None:
    code = """
        import signal, time
        from dev.signals import Stopped, stopped_by_signals
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        with stopped_by_signals():
            signal.raise_signal(signal.SIGHUP)
            try:
                signal.raise_signal(signal.SIGTERM)
            except Stopped as stopped:
                signal.raise_signal(signal.SIGINT)
                print("stopped by", stopped.number)
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, check=False
    )

    assert (done.stdout, done.stderr) == (b"stopped by 15\n", b"")
