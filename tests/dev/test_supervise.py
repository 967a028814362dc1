import fcntl
import os
import signal
import socket
import sys

import pytest

from dev import ports, runs, supervise
from dev.terminal import CommandError
from tests.dev.project import WSGI, Project, read_until

# Each program twice: it, and the child that it left to itself.
EVERYTHING = sorted(["postgres", "redis", *["bank", "web", "worker", "scheduler"] * 2])
# As a script's `make run &` has it: INT is ignored when the supervisor begins.
_IGNORE_INT = """
import os, sys
from signal import SIG_DFL, SIG_IGN, SIGHUP, SIGINT, signal
signal(SIGINT, SIG_IGN)
signal(SIGHUP, SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
IN_THE_BACKGROUND = (sys.executable, "-c", _IGNORE_INT)
# Our pretended application never asks them anything.
OWN_SERVICES = {"DATABASE_URL": "postgresql://elsewhere/mine", "REDIS_URL": "redis://elsewhere"}


def free_pair() -> str:
    return str(
        next(
            port
            for port in ports.free_ports(20)
            if port < 65535 and ports.is_free(port) and ports.is_free(port + 1)
        )
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(project: Project, number: signal.Signals) -> None:
    supervisor = project.start("dev.supervise", free_pair(), before=IN_THE_BACKGROUND)
    read_until(supervisor, "Ctrl-C stops it")
    assert project.names() == EVERYTHING
    assert project.temporary_folder().is_dir()

    supervisor.send_signal(number)

    read_until(supervisor, "Stopped.")
    assert supervisor.wait(60) == 0
    assert project.processes() == []
    assert "database system is shut down" in (project.root / "var/log/postgres.log").read_text()
    assert not project.temporary_folder().exists()


def test_a_killed_supervisor_leaves_nothing_and_the_next_command_waits_for_that(
    project: Project,
) -> None:
    port = free_pair()
    supervisor = project.start("dev.supervise", port)
    read_until(supervisor, "Ctrl-C stops it")
    (run,) = project.run_ids()

    supervisor.kill()
    supervisor.wait()
    after = project.run("dev.seed", port, changes=OWN_SERVICES)

    assert after.returncode == 0, after.stderr
    assert runs.carriers(run) == {}
    assert project.processes() == []


def test_a_second_run_in_the_same_folder_is_refused(project: Project) -> None:
    lock = project.root / "var/run/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(f"{os.getpid()} http://127.0.0.1:8000")
        held.flush()

        refused = project.run("dev.supervise", free_pair())

    assert refused.returncode == 1
    assert refused.stderr == (
        "Tillgate is already running in this folder, at http://127.0.0.1:8000 "
        f"(process {os.getpid()}): use it, or stop it first.\n"
    )


@pytest.mark.parametrize("offset", [0, 1])
def test_a_busy_port_is_named_with_one_that_is_free(offset: int) -> None:
    port = int(free_pair())
    with socket.create_server(("127.0.0.1", port + offset)):
        sentence = rf"^Port {port + offset} \(for the .* make run PORT=\d+\.$"

        with pytest.raises(CommandError, match=sentence):
            supervise.check_ports(port)


@pytest.mark.parametrize("word", ["abc", "0", "65534", "-1", "8000.5", "²", ""])
def test_a_port_must_be_a_number_with_two_more_after_it(word: str) -> None:
    with pytest.raises(CommandError, match=f"^PORT must be a number from 1 to 65533, not '{word}'"):
        supervise.read_port([word])


def test_what_make_run_refuses_is_one_sentence_and_code_1(project: Project) -> None:
    refused = project.run("dev.supervise", "abc")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "PORT must be a number from 1 to 65533, not 'abc': make run PORT=8000, for example.\n"
    )


def test_services_of_the_developer_are_used_and_none_is_started(project: Project) -> None:
    supervisor = project.start("dev.supervise", free_pair(), changes=OWN_SERVICES)

    shown = read_until(supervisor, "Ctrl-C stops it")
    assert "in postgresql://elsewhere/mine\n" in shown
    assert not (project.root / "var/postgres").exists()
    assert set(project.names()) == {"bank", "web", "worker", "scheduler"}


@pytest.mark.drill
def test_a_program_that_never_stays_up_ends_the_run(project: Project) -> None:
    project.write("Procfile", "web: python program.py web $PORT\nworker: python -c 1/0\n")
    project.write("Procfile", (project.root / "Procfile").read_text() + "scheduler: sleep 600\n")

    supervisor = project.start("dev.supervise", free_pair(), changes=OWN_SERVICES)

    said = read_until(supervisor, "worker died five times in a row, the last time with code 1.")
    assert said.count("ZeroDivisionError") == 5
    assert supervisor.stdout
    assert "worker | ZeroDivisionError" in supervisor.stdout.read()
    assert supervisor.wait(60) == 1
    assert project.processes() == []


def test_a_migration_that_fails_ends_the_run_with_what_it_said(project: Project) -> None:
    project.write(
        "wsgi.py", WSGI.replace("    pass", "    raise flask.cli.click.ClickException('no')")
    )

    refused = project.run("dev.supervise", free_pair(), changes=OWN_SERVICES)

    assert refused.returncode == 1
    assert refused.stderr == "`flask db upgrade` failed:\n\nError: no\n"
    assert project.processes() == []


def test_seeding_starts_what_it_needs_and_stops_it(project: Project) -> None:
    port = free_pair()

    done = project.run("dev.seed", port, changes=OWN_SERVICES)

    assert done.returncode == 0, done.stderr
    assert f"Seeded for http://127.0.0.1:{port} in postgresql://elsewhere/mine\n" in done.stdout
    assert project.processes() == []


def test_seeding_uses_the_application_that_runs(project: Project) -> None:
    port = free_pair()
    supervisor = project.start("dev.supervise", port, changes=OWN_SERVICES)
    read_until(supervisor, "Ctrl-C stops it")

    done = project.run("dev.seed", "9999")

    assert done.stdout == f"Seeded for http://127.0.0.1:{port} in postgresql://elsewhere/mine\n"
