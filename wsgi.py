"""The front door: what the web server and the `flask` command open."""

import os
import sys

from webapp import logs
from webapp.config import Settings, SettingsError
from webapp.core.process import die_with_parent
from webapp.factory import create_app

try:
    _settings = Settings.from_env()
except SettingsError as error:
    sys.exit(str(error))

_is_command = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
logs.configure(
    level=_settings.log_level,
    as_json=_settings.is_production,
    stream=sys.stderr if _is_command else sys.stdout,  # a command's output is its own
)
if not _is_command:
    # A killed web server must not leave workers that keep serving its port.
    die_with_parent()
app = create_app(_settings, has_commands=_is_command)
