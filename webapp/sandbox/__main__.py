"""Starts the sandbox bank: `python -m webapp.sandbox`."""

import socket
import sys
import time

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from webapp.sandbox.settings import BankSettings, BankSettingsError

_THREADS = 32  # faults hold some of them while they wait
_STOP_WITHIN_S = 3
_WAIT_FOR_PORT_S = 1.0


def main() -> None:
    """Serve the bank at SANDBOX_URL until it is told to stop."""
    try:
        settings = BankSettings.from_env()
        address = socket.gethostbyname(settings.host)
        _wait_for_port(address, settings.port)
    except BankSettingsError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"The sandbox bank cannot listen at {settings.sandbox_url}: {error.strerror}.")
    Granian(
        "webapp.sandbox.wsgi:app",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        # One process, many threads: see Clockwork.
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_WITHIN_S,
        log_level=LogLevels.error,
    ).serve()


def _wait_for_port(address: str, port: int) -> None:
    """Return once nobody else listens there; the server itself would share the port silently.

    Raises:
        OSError: somebody still does after a second (a bank that was just killed is gone soon).
    """
    deadline = time.monotonic() + _WAIT_FOR_PORT_S
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                if time.monotonic() > deadline:
                    raise
            else:
                return
        time.sleep(0.05)


def _refuse(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    main()
