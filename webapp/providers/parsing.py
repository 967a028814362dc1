"""Reads what a provider answered, strictly: what is not understood is said so, never guessed."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from webapp.core import clock
from webapp.core.errors import InvalidInputError
from webapp.core.money import Money
from webapp.providers.base import HttpAnswer, Unreadable

_LONGEST_NAME: Final = 128
_LONGEST_URL: Final = 2000
_LONGEST_LINE: Final = 200
_LONGEST_WAIT_S: Final = 86_400.0
_MOST_MONEY: Final = 10**15  # in minor units; more is no amount but nonsense


class NotUnderstoodError(Exception):
    """The answer is not what the provider documents; the text says where, without its values."""


def document(raw: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        NotUnderstoodError: it is something else.
    """
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotUnderstoodError("the body is no JSON object")
    return found


def body(answer: HttpAnswer) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        NotUnderstoodError: it is something else; the text names the answer's status.
    """
    try:
        return document(answer.body)
    except NotUnderstoodError as error:
        raise NotUnderstoodError(f"status {answer.status}, {error}") from None


def moment(said: object, key: str) -> datetime | None:
    """Return a moment in ISO 8601; None where none was said.

    Raises:
        NotUnderstoodError: what was said under this key is no moment.
    """
    try:
        return None if said is None else clock.parse(said)  # type: ignore[arg-type]  # or TypeError
    except (TypeError, ValueError, OverflowError):
        raise NotUnderstoodError(f"{key} is not understood") from None


def name(body: Mapping[str, Any], key: str) -> str:
    """Return an id or another short name, which will be stored, compared and logged.

    Raises:
        NotUnderstoodError: missing, no text, over 128 characters, or not printable.
    """
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise NotUnderstoodError(f"{key} is not understood")
    return value


def web_address(body: Mapping[str, Any], key: str) -> str:
    """Return an address that a browser may be sent to.

    Raises:
        NotUnderstoodError: missing, or no address of the web.
    """
    value = body.get(key)
    if (
        not isinstance(value, str)
        or not value.startswith(("http://", "https://"))
        or len(value) > _LONGEST_URL
        or not value.isprintable()
    ):
        raise NotUnderstoodError(f"{key} is not understood")
    return value


def minor_units(body: Mapping[str, Any], key: str, *, currency: str = "currency") -> Money:
    """Return an amount that comes as a whole number of minor units beside its currency's code.

    Raises:
        NotUnderstoodError: anything else, such as a float, text, or a currency that is not ours.
    """
    amount, code = body.get(key), body.get(currency)
    if type(amount) is not int or amount > _MOST_MONEY or not isinstance(code, str):
        raise NotUnderstoodError(f"{key} is not understood")
    try:
        return Money(amount, code.upper())
    except InvalidInputError:
        raise NotUnderstoodError(f"{key} is not understood") from None


def line(said: object, *, without: re.Pattern[str]) -> str | None:
    """Return a provider's remark as one short line, fit for a log; None when it said nothing.

    `without` finds what must not appear there, such as a key that the provider repeats to us.
    """
    if not isinstance(said, str):
        return None
    text = "".join(character if character.isprintable() else " " for character in said)
    return without.sub("…", text)[:_LONGEST_LINE].strip() or None


def unreadable(answer: HttpAnswer) -> Unreadable:
    """Say why an answer tells nothing whose status nobody has a better word for."""
    if answer.status in {401, 403}:
        return Unreadable("not authorised", is_unauthorised=True)
    return Unreadable(f"status {answer.status}", retry_after_s(answer))


def retry_after_s(answer: HttpAnswer) -> float | None:
    """Return how many seconds we were asked to wait, a day at most; None when we were not.

    A date is compared with the provider's own clock, since an adapter has none.
    """
    asked = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", asked):
        return min(float(asked), _LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(asked)
        wait_s = (at - parsedate_to_datetime(answer.headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)
