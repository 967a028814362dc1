"""A process that sends the mail that is due, as the job does, and that a test may kill."""

from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from flask import Flask

from tasks import mail
from webapp.config import Settings
from webapp.factory import create_app

# A fork of the test itself would have its threads' locks; this one forks from a clean process that
# has loaded the application once.
_PROCESSES = get_context("forkserver")


def start(app: Flask) -> BaseProcess:
    """Start a sender with the settings that the app has at this moment."""
    _PROCESSES.set_forkserver_preload([__name__])
    settings: Settings = app.extensions["tillgate.settings"]
    process = _PROCESSES.Process(target=_send, args=(settings.model_dump(),), daemon=True)
    process.start()
    return process


def _send(settings: dict[str, Any]) -> None:
    with create_app(Settings.model_validate(settings)).app_context():
        mail.ticket_email()
