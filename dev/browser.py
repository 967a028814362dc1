"""The system's Chromium, for pictures and measurements."""

import os

from playwright.sync_api import Browser, Playwright

from dev import native
from dev.terminal import CommandError


def launch(playwright: Playwright) -> Browser:
    """Start it.

    Raises:
        CommandError: there is none.
    """
    executable = os.environ.get("CHROMIUM") or native.browser()
    if not executable:
        raise CommandError("There is no Chromium here: set CHROMIUM to where one is.")
    # The sandbox cannot work for root.
    return playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
