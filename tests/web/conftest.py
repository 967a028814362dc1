"""A client without a browser, and a server for those that have one."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask, g, request_started
from werkzeug.serving import make_server

from tests.chromium import share
from tests.pages import Pages
from tests.sandbox import fixtures


def pytest_configure(config: pytest.Config) -> None:
    """Share one browser, and one bank, with every other folder that asks for it."""
    share(config)
    fixtures.share(config)


@pytest.fixture
def pages(rows: Flask) -> Pages:
    """A visitor without cookies."""
    return Pages(rows)


@pytest.fixture
def site(rows: Flask) -> Iterator[str]:
    """The address at which the app answers while the test runs."""
    server = make_server("127.0.0.1", 0, rows, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _each_request_is_its_own(app: Flask) -> Iterator[None]:
    """Forget who asked last: the requests of a test share its app context, and with it `g`."""

    def forget(_sender: Flask) -> None:
        for name in list(g):
            g.pop(name)

    with request_started.connected_to(forget, app):
        yield
