"""A Redis of our own: no port, no file, reached by a socket, started as our child."""

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from dev.paths import environment
from dev.processes import Processes, Program
from dev.terminal import CommandError


class Redis:
    """One server, empty at each start. The socket lies in `sockets`."""

    def __init__(self, processes: Processes, sockets: Path) -> None:
        self._processes = processes
        self._socket = sockets.resolve() / "redis.sock"

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{quote(str(self._socket))}"

    def start(self) -> None:
        """Start the server and wait for it.

        Raises:
            CommandError: there is no Redis on this machine, or it does not come up.
        """
        # redis-tools brings the server's own program under another name; it acts by its name.
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        if program is None:
            raise CommandError("There is no redis-server: install redis-tools and run make again.")
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        words = ["--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"]
        words += ["--save", "", "--appendonly", "no", "--dir", str(self._socket.parent)]
        # Its title would overwrite the environment, by which the processes of a run are found.
        words += ["--set-proc-title", "no"]
        self._processes.start(
            Program("redis", ["redis-server", *words], environment(), executable=program),
            is_echoed=False,
        )
        self._processes.wait_until(self._is_ready, "redis", within_s=20)

    def stop(self) -> None:
        """Stop the server; what it held is gone."""
        self._processes.stop("redis")

    def _is_ready(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self._socket))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        return False
