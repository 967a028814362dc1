import inspect
from importlib import import_module

import pytest

from tasks import worker
from webapp.config import ROOT
from webapp.jobs import QUEUE_OF, JobName, QueueName


@pytest.mark.parametrize("name", JobName)
def test_each_name_of_a_job_is_a_function_of_ours(name: JobName) -> None:
    module, _, function = name.rpartition(".")
    assert module.startswith("tasks.")
    found = getattr(import_module(module), function)
    assert inspect.isfunction(found)
    assert found.__module__ == module
    assert len(inspect.signature(found).parameters) == (1 if name is JobName.CHECK else 0)


def test_each_job_has_a_queue_and_each_queue_a_worker() -> None:
    assert set(QUEUE_OF) == set(JobName)
    assert set(worker.EVERYTHING) == set(QueueName)
    assert set(QUEUE_OF.values()) == set(QueueName)


def test_one_worker_is_there_for_the_checks_alone() -> None:
    assert worker.CHECKS_ONLY == (QueueName.CHECKS,)


def test_checks_come_last_in_the_process_that_takes_everything() -> None:
    assert worker.EVERYTHING[-1] == QueueName.CHECKS


def test_the_procfile_names_the_entries() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    assert set(commands) == {"release", "web", "worker", "scheduler"}
    for process in ("worker", "scheduler"):
        entry = commands[process].removeprefix("python -m ")
        module = import_module(entry)
        assert callable(module.main)
    assert commands["worker"] == "python -m tasks.worker"
    assert commands["scheduler"] == "python -m tasks.schedule"
