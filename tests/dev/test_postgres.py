import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dev import runs
from dev.paths import ROOT
from dev.postgres import MAX_CONNECTIONS, Postgres, _as_nobody
from dev.processes import Processes
from dev.terminal import CommandError
from tests.dev.conftest import short_folder
from tests.dev.project import eventually


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    yield from short_folder()


@pytest.fixture(scope="module")
def keeper(place: Path) -> Iterator[Processes]:
    with Processes(place / "log") as made:
        yield made


@pytest.fixture(scope="module")
def postgres(place: Path, keeper: Processes) -> Postgres:
    """One cluster for the tests of this file; each leaves it running, with its money."""
    cluster = Postgres(keeper, place / "postgres", place / "run")
    cluster.start()
    with psycopg.connect(cluster.url("shop"), autocommit=True) as connection:
        connection.execute("CREATE TABLE money (amount integer)")
        connection.execute("INSERT INTO money VALUES (42)")
    return cluster


def money(postgres: Postgres) -> int | None:
    try:
        with psycopg.connect(postgres.url("shop")) as connection:
            row = connection.execute("SELECT amount FROM money").fetchone()
    except psycopg.OperationalError:
        return None
    return row[0] if row else None


def test_a_killed_server_comes_back_with_its_data(postgres: Postgres, keeper: Processes) -> None:
    before = keeper.pid("postgres")

    keeper.kill("postgres")

    eventually(lambda: keeper.pid("postgres") != before and money(postgres) == 42)


def test_a_server_that_outlived_its_run_is_replaced(postgres: Postgres, folder: Path) -> None:
    postgres.stop()
    code = f"""
        import os, time
        from pathlib import Path
        from dev.postgres import Postgres
        from dev.processes import Processes
        with Processes(Path({str(folder)!r})) as processes:
            os.kill(processes._watchdog.pid, 9)
            Postgres(processes, Path({str(postgres.folder)!r}), Path({str(folder)!r})).start()
            print(processes.pid("postgres"), flush=True)
            os.kill(os.getpid(), 9)
    """
    owner = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    left = int(owner.stdout)
    assert runs.is_alive(left)

    postgres.start()

    assert money(postgres) == 42
    assert not runs.is_alive(left)


def test_a_stale_number_of_another_process_does_not_prevent_the_start(
    postgres: Postgres,
) -> None:
    postgres.stop()
    run = postgres.sockets
    lines = [str(os.getpid()), str(postgres.folder), "1700000000", "5432", str(run), ""]
    for file in (postgres.folder / "postmaster.pid", run / ".s.PGSQL.5432.lock"):
        file.write_text("\n".join(lines) + "\n")

    postgres.start()

    assert money(postgres) == 42


def test_a_restart_breaks_connections_and_keeps_data(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("shop")) as connection:
        postgres.restart()

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert money(postgres) == 42
    log = (postgres.sockets.parent / "log/postgres.log").read_text()
    assert log.rindex("is shut down") < log.rindex("ready to accept connections")


def test_the_cluster_has_room_for_many_threads_and_keeps_to_itself(postgres: Postgres) -> None:
    names = ("max_connections", "listen_addresses", "fsync", "TimeZone")
    with psycopg.connect(postgres.url()) as connection:
        shown = connection.execute(
            "SELECT current_setting(name) FROM unnest(%s::text[]) AS name", [list(names)]
        ).fetchall()
    assert shown == [(str(MAX_CONNECTIONS),), ("",), ("on",), ("UTC",)]
    assert postgres.sockets.stat().st_mode & 0o077 == 0
    assert postgres.folder.stat().st_mode & 0o077 == 0


def test_an_interrupted_making_of_the_cluster_is_done_again(
    folder: Path, processes: Processes
) -> None:
    half = folder / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    cluster = Postgres(processes, folder / "postgres", folder)

    cluster.start()

    assert cluster.url("made").startswith("postgresql://postgres@/made?host=")
    assert not half.exists()


def test_a_cluster_of_another_version_is_refused(folder: Path, processes: Processes) -> None:
    cluster = Postgres(processes, folder / "postgres", folder)
    cluster.folder.mkdir()
    (cluster.folder / "PG_VERSION").write_text("16\n")

    with pytest.raises(CommandError, match="was made by PostgreSQL 16 and needs 18: remove it"):
        cluster.start()


def test_a_shell_in_the_folder_is_not_taken_for_a_server(postgres: Postgres) -> None:
    with subprocess.Popen(["sleep", "600"], cwd=postgres.folder) as bystander:
        postgres.restart()

        assert runs.is_alive(bystander.pid)
        bystander.kill()
    assert money(postgres) == 42


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_root_becomes_nobody_who_may_use_a_private_folder(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    program = private / "program"
    program.write_text("#!/bin/sh\nid -un\n")
    program.chmod(0o700)
    look = f"import os; os.access({str(program)!r}, os.X_OK) and os.execv({str(program)!r}, ['x'])"

    done = subprocess.run(
        [*_as_nobody(), sys.executable, "-c", look], stdout=subprocess.PIPE, check=True
    )

    assert done.stdout == b"nobody\n"
