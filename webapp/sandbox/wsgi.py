"""The door for the web server. Importing this module opens the books and starts the clockwork."""

from webapp.core.process import die_with_parent
from webapp.sandbox.app import create_app
from webapp.sandbox.bank import Bank
from webapp.sandbox.clockwork import Clockwork
from webapp.sandbox.settings import BankSettings
from webapp.sandbox.store import Store

# A server whose main process is killed leaves its worker behind, still holding port and books.
die_with_parent()

_settings = BankSettings.from_env()
_store = Store(_settings.sandbox_store)
_clockwork = Clockwork(_settings, _store)
_clockwork.start()

app = create_app(Bank(_settings, _store, _clockwork))
