"""How long the histories are: 4 of 50 steps at each bank; 100 of them in `make drill`."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from tests.properties.world import World, running
from webapp.config import Settings

_ORDINARY = settings(
    max_examples=4,
    stateful_step_count=50,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("histories", _ORDINARY)
settings.register_profile("drill", _ORDINARY, max_examples=100)
# Stops at the first history that goes wrong, and makes nothing smaller.
settings.register_profile("quick", _ORDINARY, phases=[Phase.generate])


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nothing is logged but errors: to write down all that happens takes as long as the rest."""
    logging.disable(logging.WARNING)
    was_configured = structlog.is_configured()
    if not was_configured:
        errors = structlog.make_filtering_bound_logger(logging.ERROR)
        structlog.configure(wrapper_class=errors)
    yield
    if not was_configured:
        structlog.reset_defaults()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def whole_world(settings: Settings, worker_id: str) -> Iterator[World]:
    """An app with a clock that can be moved, and five banks, for all tests of this process."""
    with running(settings, os.environ["DATABASE_URL"], worker_id) as world:
        yield world


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """That world, for one test."""
    with whole_world.ruling():
        yield whole_world
