"""Every switch of every provider ends as a ticket, a refund or an attention item.

The endings are compared with the table of docs/providers.md. With SWITCHES_INTO set they are
written into that folder instead, and `make docs` makes the table of them.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dev import switch_table
from tests.conftest import Configure
from tests.factories import Factories
from tests.fakes.serving import served
from tests.providers.switches import SWITCHES
from tests.providers.switches_back import SWITCHES_BACK
from tests.providers.till_at_bank import SandboxTill
from tests.providers.tills import NotThereError, Till
from tests.providers.tills_at_fakes import BillingTill, PaystackTill, StripeTill, SumUpTill
from webapp.providers.registry import ADAPTERS

ALL = {**SWITCHES, **SWITCHES_BACK}
FAKES = {till.provider: till for till in (SumUpTill, PaystackTill, StripeTill, BillingTill)}


@pytest.fixture
def site(rows: Flask) -> Iterator[str]:
    """The address at which notices arrive."""
    with served(rows) as url:
        yield url


@pytest.fixture(params=switch_table.HEADS)
def till(
    request: pytest.FixtureRequest, make: Factories, configure: Configure, site: str
) -> Iterator[Till]:
    provider: str = request.param
    if provider == "sandbox":
        yield SandboxTill(request.getfixturevalue("bank"), make, configure, site)
        return
    with FAKES[provider].opened(make, configure, site) as till:
        yield till


@pytest.mark.parametrize("name", ALL)
def test_every_switch_ends_as_the_page_says(till: Till, name: str) -> None:
    try:
        ALL[name](till)
    except NotThereError:
        ending = switch_table.NOT_THERE
    else:
        ending = till.ending()
    into = os.environ.get("SWITCHES_INTO")
    if into:
        number = list(ALL).index(name)
        told = json.dumps([number, name, till.provider, ending])
        (Path(into) / f"{number}-{till.provider}.json").write_text(told)
    else:
        assert switch_table.read(switch_table.PAGE.read_text())[name, till.provider] == ending


def test_the_page_has_a_row_for_every_switch_and_a_column_for_every_provider() -> None:
    told = switch_table.read(switch_table.PAGE.read_text())
    assert list(told) == [(name, provider) for name in ALL for provider in switch_table.HEADS]
    assert set(switch_table.HEADS) == set(ADAPTERS)
