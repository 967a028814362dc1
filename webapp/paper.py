"""Fills templates for what leaves the house: tickets on paper, and emails."""

from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from webapp.config import ROOT
from webapp.core.money import Money


def day(at: datetime, timezone: str) -> str:
    """Write the day of a moment in a time zone: `Saturday 21 November 2026`.

    Args:
        at: an aware moment.
        timezone: the zone's IANA name, such as `Europe/Berlin`.

    Raises:
        ValueError: the moment carries no time zone.
        ZoneInfoNotFoundError: there is no such zone.
    """
    local = _local(at, timezone)
    return f"{local:%A} {local.day} {local:%B %Y}"


def moment(at: datetime, timezone: str) -> str:
    """Write a moment in a time zone: `Saturday 21 November 2026, 19:30 CET`. See `day`."""
    local = _local(at, timezone)
    zone = local.tzname() or ""
    # Zones without letters of their own are called by their distance, such as +04.
    spoken = zone if zone.isalpha() else f"UTC{zone}"
    return f"{day(at, timezone)}, {local:%H:%M} {spoken}"


def brief(at: datetime, timezone: str) -> str:
    """Write a moment for a table that names its zone once: `21 Nov 2026, 19:30`. See `day`."""
    local = _local(at, timezone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def hour(at: datetime, timezone: str) -> str:
    """Write the hour of a moment that is near: `19:30`. See `day`."""
    return f"{_local(at, timezone):%H:%M}"


def fill(template: str, **values: object) -> str:
    """Fill one file of `templates/`. In `.html` every value is text; a missing name is an error."""
    return _environment().get_template(template).render(values)


def prepare() -> None:
    """Compile every template of paper and emails, which a process forked from this one then has."""
    environment = _environment()
    for template in environment.list_templates():
        if template.startswith(("documents/", "emails/")):
            environment.get_template(template)


def _local(at: datetime, timezone: str) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at.astimezone(ZoneInfo(timezone))


def _money(amount: Money) -> str:
    return str(amount)


# What every template may use, on paper and on the pages.
FILTERS: Final = {"money": _money, "day": day, "moment": moment, "brief": brief, "hour": hour}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(("html",), default=False, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    return environment
