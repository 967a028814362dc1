"""A process that sends the refunds that are due, as the job does, and that a test may kill."""

from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from flask import Flask

from tasks import payments
from webapp.config import Settings
from webapp.factory import create_app

# As in `sender`: forked from a clean process that has loaded the application once.
_PROCESSES = get_context("forkserver")


def start(app: Flask) -> BaseProcess:
    """Start a worker with the settings that the app has at this moment."""
    _PROCESSES.set_forkserver_preload([__name__])
    settings: Settings = app.extensions["tillgate.settings"]
    process = _PROCESSES.Process(target=_send, args=(settings.model_dump(),), daemon=True)
    process.start()
    return process


def _send(settings: dict[str, Any]) -> None:
    with create_app(Settings.model_validate(settings)).app_context():
        payments.refunds()
