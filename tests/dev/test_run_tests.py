import signal

import pytest

from dev import bootstrap
from tests.dev.project import Project, eventually

SERVICES = """
import os
import psycopg
import redis

def test_fails():
    assert False

def test_services_answer():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.ping()
    assert os.environ["ENVIRONMENT"] == "test"
"""
SLEEPING = """
import pathlib, time

def test_sleeps():
    pathlib.Path("sleeping").touch()
    time.sleep(600)
"""


def test_tests_find_their_services_and_pytest_has_the_last_word(project: Project) -> None:
    project.write("tests/test_services.py", SERVICES)

    words = ["tests/test_services.py", "-q"]
    done = project.run("dev.run_tests", *words, changes={bootstrap.SECONDS: "61.5"})

    assert done.returncode == 1
    counts, times = done.stdout.splitlines()[-2:]
    assert counts.startswith("1 failed, 1 passed in ")
    assert times.startswith("Tests ")
    assert "before them: installation 61.5 s, PostgreSQL and Redis " in times
    assert project.processes() == []
    assert not (project.root / "var/test/0/postgres").exists()


def test_a_signal_ends_tests_and_services(project: Project) -> None:
    project.write("tests/test_sleeping.py", SLEEPING)
    running = project.start("dev.run_tests", "tests", changes={"TEST_WORKERS": "1"})
    eventually((project.root / "sleeping").exists)

    running.terminate()

    assert running.wait(60) == 128 + signal.SIGTERM
    assert project.processes() == []


@pytest.mark.drill
def test_tests_may_run_twice_at_once_and_killed_ones_leave_nothing(project: Project) -> None:
    project.write("tests/test_sleeping.py", SLEEPING)
    project.write("tests/test_services.py", SERVICES)
    sleeping = project.start("dev.run_tests", "tests/test_sleeping.py")
    eventually((project.root / "sleeping").exists)

    others = project.run("dev.run_tests", "tests/test_services.py", "-k", "services_answer")
    sleeping.kill()

    assert others.returncode == 0, others.stdout
    eventually(lambda: not project.processes())
