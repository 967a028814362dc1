"""A process that does one job, as a worker does, and that a test may kill."""

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from flask import Flask

from webapp.config import Settings
from webapp.factory import create_app

# A fork of the test itself would have its threads' locks; this one forks from a clean process that
# has loaded the application once.
_PROCESSES = get_context("forkserver")


def start(app: Flask, job: Callable[[], None]) -> BaseProcess:
    """Start a process that does the job with the settings that the app has at this moment."""
    _PROCESSES.set_forkserver_preload([__name__, "tasks.mail", "tasks.payments"])
    settings: Settings = app.extensions["tillgate.settings"]
    process = _PROCESSES.Process(target=_do, args=(job, settings.model_dump()), daemon=True)
    process.start()
    return process


def _do(job: Callable[[], None], settings: dict[str, Any]) -> None:
    with create_app(Settings.model_validate(settings)).app_context():
        job()
