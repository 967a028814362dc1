"""The time on somebody's wall: a date and an hour that mean a moment only in their time zone."""

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from webapp.core.errors import InvalidInputError

# What a browser's field for date and time sends, with or without seconds.
_FORMATS: Final = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


@cache
def timezones() -> frozenset[str]:
    """Return the IANA names that there are; reading them from the disk takes a while, once."""
    return frozenset(available_timezones())


def check_timezone(timezone: str) -> None:
    """Refuse what is no zone's name.

    Raises:
        InvalidInputError: there is no such zone; `field` is `timezone`.
    """
    if timezone not in timezones():
        raise InvalidInputError("timezone", "must be a name such as Europe/Berlin")


def moment(field: str, typed: str, timezone: str) -> datetime:
    """Return the moment at which a wall in this zone shows what was typed.

    An hour that comes twice, because clocks go back, is the first of the two.

    Args:
        field: how the form names it.
        typed: such as `2027-03-05T19:30`.
        timezone: the zone's IANA name.

    Raises:
        InvalidInputError: it is no date and time, or no clock there ever shows it.
    """
    check_timezone(timezone)
    shown = _read(field, typed.strip())
    zone = ZoneInfo(timezone)
    try:
        at = shown.replace(tzinfo=zone).astimezone(UTC)
        seen = at.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise InvalidInputError(field, "is out of reach") from None
    if seen != shown:
        raise InvalidInputError(field, "does not exist there: the clocks go forward over it")
    return at


def _read(field: str, typed: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(typed, form)  # noqa: DTZ007  # the zone comes with the question
        except ValueError:
            continue
    raise InvalidInputError(field, "must be a date and a time such as 2027-03-05T19:30")
