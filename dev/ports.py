"""TCP ports of the loopback address, and whether something answers there."""

import http.client
import socket
from contextlib import ExitStack, suppress


def free_ports(count: int) -> list[int]:
    """Return different ports that the kernel says are free."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def is_free(port: int) -> bool:
    """Whether a server could listen there.

    Raises:
        PermissionError: nobody but root may use this port.
    """
    with socket.socket() as one:
        # A connection that was just closed is no obstacle to a server, nor to this test.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether a GET of the path is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status == 200
    connection.close()
    return False
