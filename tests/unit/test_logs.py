"""Whoever writes whatever into the log: what comes out names nobody and opens nothing."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from webapp import logs

ours = structlog.get_logger("of-ours")
theirs = logging.getLogger("of-a-library")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log holds; afterwards it goes where it went before."""
    root = logging.getLogger()
    before, handlers, level = structlog.get_config(), root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(level="INFO", as_json=True, stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


def fail() -> None:
    try:
        int("ada@example.org")
    except ValueError:
        ours.exception("not_a_number")


SAID: dict[str, Callable[[], object]] = {
    "an address": lambda: ours.info("mail_sent", to="ada@example.org"),
    "an address in a sentence": lambda: ours.info("no mail for ada@example.org today"),
    "an address inside": lambda: ours.info("mail", people=[{"to": "ada@example.org"}]),
    "an address in an error": fail,
    "an address in a library's words": lambda: theirs.warning("sent to %s", "ada@example.org"),
    "a secret by its name": lambda: ours.info("signed_in", session_token="hunter2"),
    "a secret inside": lambda: ours.info("called", headers={"Authorization": "hunter2"}),
    "a provider's key": lambda: ours.info("refused the key sbk_hunter2 of a shop"),
    "a merchant's key": lambda: ours.info("GET /x?key=tgk_hunter2abc_hunter2"),
    "a bearer": lambda: theirs.error("Authorization was Bearer hunter2"),
    "a password in an address": lambda: ours.info("away", url="smtp://user:hunter2@mail.example"),
    "a row": lambda: ours.error("DETAIL: Failing row contains (7, Ada, hunter2)."),
}


@pytest.mark.parametrize("say", SAID.values(), ids=SAID.keys())
def test_no_line_says_who_it_was_or_how_to_get_in(
    written: io.StringIO, say: Callable[[], object]
) -> None:
    say()
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["event"]
    assert "ada@" not in line
    assert "hunter2" not in line


def test_references_stay_so_that_one_search_tells_the_story(written: io.StringIO) -> None:
    ours.info("observation_applied", attempt="att-1", link="ORD-1", outcome="paid")
    said = json.loads(written.getvalue())
    assert (said["attempt"], said["link"], said["outcome"]) == ("att-1", "ORD-1", "paid")
