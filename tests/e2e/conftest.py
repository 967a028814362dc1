"""The whole application as it runs for people, with the bank and the fakes as processes."""

import email
import email.policy
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dev.fakes import PROVIDERS
from dev.office import Office
from dev.stack import PROGRAMS, Stack
from tests.chromium import share
from tests.e2e.storms import UNLIMITED

T = TypeVar("T")

# How long the town's buyers may wait for a bank that hangs.
BANK_TIMEOUT_S = 12
# By the Procfile's line.
WEB_PROCESSES = 2


def pytest_configure(config: pytest.Config) -> None:
    """Share one browser with every other folder that asks for it."""
    share(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Show what the processes said when a test has failed: their folder goes away at the end."""
    report = yield
    place = getattr(item, "funcargs", {}).get("place")
    if report.failed and isinstance(place, Place):
        for file in sorted((place.stack.folder / "log").iterdir()):
            report.sections.append((file.name, file.read_text(errors="replace")[-6000:]))
    return report


@dataclass
class Place:
    """A running application, and what a person can do with it."""

    stack: Stack

    def flask(self, *words: str) -> str:
        """Run a command that must succeed and return what it printed."""
        done = self.stack.flask(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def mail(self, reference: str) -> list[EmailMessage]:
        """Return the messages about an order that have left the house."""
        folder: Path = self.stack.folder / "mail"
        found = []
        for file in sorted(folder.glob("*.eml")):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            body = message.get_body(("plain",))
            if body is not None and reference in body.get_content():
                found.append(message)
        return found


def eventually(look: Callable[[], T], *, within_s: float = 60) -> T:
    """Return the first true value that `look` returns."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.1)
    return seen


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The application of this test process, with shorter waits than in production."""
    changes = {
        "REDIS_URL": f"{os.environ['REDIS_URL']}?db=9",
        "SANDBOX_LATE_S": "2",
        "SANDBOX_DOWN_S": "4",
        # Not every second: each sweep is a process, and most of them find nothing.
        "EXPIRY_EVERY_S": "3",
        "VERIFICATION_EVERY_S": "3",
        "CHECK_NEW_EVERY_S": "1",
        "CLOSING_RETRY_S": "1",
    }
    folder, programs = tmp_path_factory.mktemp("place"), [*PROGRAMS, *PROVIDERS]
    with Stack(folder, changes=changes, programs=programs, demo="examples") as stack:
        yield Place(stack)


@pytest.fixture(scope="package")
def office(place: Place) -> Iterator[Office]:
    """A look into its books."""
    office = Office(place.stack)
    yield office
    office.close()


@dataclass(frozen=True)
class Town:
    """The application with a bank, and its books."""

    stack: Stack
    office: Office


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The application among people who mean it ill, and with neighbours that hang."""
    changes = UNLIMITED | {
        "PROVIDER_CREATE_TIMEOUT_S": str(BANK_TIMEOUT_S),
        "PROVIDER_TIMEOUT_S": "5",
        "VERIFICATION_EVERY_S": "3",
        "CHECK_NEW_EVERY_S": "1",
    }
    with Stack(tmp_path_factory.mktemp("hung"), demo="plain", changes=changes) as stack:
        # A storm upon one process while the other still starts would take every thread of it.
        log = stack.folder / "log" / "web.log"
        eventually(lambda: log.read_text().count("Started worker-") == WEB_PROCESSES)
        office = Office(stack)
        yield Town(stack, office)
        office.close()
