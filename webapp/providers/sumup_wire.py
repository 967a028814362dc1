"""SumUp's dialect: money as exact JSON numbers, and the many shapes in which it says no."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from webapp.core.money import EXPONENTS, Money
from webapp.providers import parsing
from webapp.providers.base import Access, HttpAnswer, HttpRequest
from webapp.providers.parsing import NotUnderstoodError

_MOST: Final = 10**12  # in major units; more is no amount but nonsense
_MOST_DIGITS: Final = 20  # so that no arithmetic below rounds
_MOST_REMARKS: Final = 3

_SAYING: Final = ("detail", "details", "message", "error_message", "error_description", "title")
_NAMING: Final = ("error_code", "code", "error")

# What must not appear in a remark: keys, tokens, the secrets of an application.
SECRET: Final = re.compile(r"(?:\b(?:sup_[a-z]{2}|cc|[sp]k|[ar]t)_|\beyJ|\b[Bb]earer\s+)\S+")


def request(access: Access, method: str, path: str, body: str | None = None) -> HttpRequest:
    """Write a request for an account, with a JSON body if there is one."""
    bearer = access.secrets["api_key"]
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    url = f"{access.base_url}{path}"
    if body is None:
        return HttpRequest(method, url, headers)
    return HttpRequest(method, url, {**headers, "Content-Type": "application/json"}, body.encode())


def content(answer: HttpAnswer) -> object:
    """Return what the JSON of an answer holds; its fractions are exact.

    Raises:
        NotUnderstoodError: it is no JSON.
    """
    try:
        said: object = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        raise NotUnderstoodError(f"status {answer.status}, the body is no JSON") from None
    return said


def document(answer: HttpAnswer) -> dict[str, Any]:
    """Return the JSON object of an answer; its fractions are exact.

    Raises:
        NotUnderstoodError: it is something else.
    """
    said = content(answer)
    if not isinstance(said, dict):
        raise NotUnderstoodError(f"status {answer.status}, the body is no JSON object")
    return said


def listed(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects.

    Raises:
        NotUnderstoodError: missing, or something else.
    """
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NotUnderstoodError(f"{key} is not understood")
    return found


def money(amount: object, currency: object) -> Money:
    """Return an amount of major units as money.

    Raises:
        NotUnderstoodError: no number, below zero, finer than the currency, or beyond all sense.
    """
    if type(amount) is int:
        amount = Decimal(amount) if abs(amount) <= _MOST else None
    if (
        not isinstance(amount, Decimal)
        or not isinstance(currency, str)
        or currency not in EXPONENTS
        or len(amount.as_tuple().digits) > _MOST_DIGITS
        or not 0 <= amount <= _MOST
    ):
        raise NotUnderstoodError("the money is not understood")
    minor = amount.scaleb(EXPONENTS[currency])
    if minor != minor.to_integral_value():
        raise NotUnderstoodError("the money is finer than its currency")
    return Money(int(minor), currency)


def remark(said: object) -> str | None:
    """Return what an error says, as one line; None when it is none of SumUp's errors.

    One object or an array of them; the words, the code and the name of the wrong field each have
    several homes, and sometimes lie one level deeper.
    """
    found = list(_remarks(said, depth=0))
    return parsing.line("; ".join(found[:_MOST_REMARKS]), without=SECRET)


def code(said: object) -> str | None:
    """Return an error's code: `NOT_FOUND`, `invalid_grant`, or the end of its type's address."""
    if not isinstance(said, dict):
        return None
    for key in _NAMING:
        if isinstance(said.get(key), str) and said[key]:
            return str(said[key])
    kind = said.get("type")
    return kind.rstrip("/").rpartition("/")[2] or None if isinstance(kind, str) else None


def unauthorised(answer: HttpAnswer) -> str:
    """Return why a 401 or 403 was given, as far as it says so."""
    try:
        why = remark(content(answer))
    except NotUnderstoodError:
        why = None
    return f"not authorised: {why}" if why and answer.status == 403 else "not authorised"


def _remarks(said: object, *, depth: int) -> Iterator[str]:
    if isinstance(said, list) and depth < 2:
        for one in said[:_MOST_REMARKS]:
            yield from _remarks(one, depth=depth + 1)
    if not isinstance(said, dict):
        return
    words = next((said[key] for key in _SAYING if _is_text(said.get(key))), None)
    field = said.get("param")
    if words is not None:
        yield f"{words} ({field})" if _is_text(field) else words
    elif depth < 2 and "errors" in said:
        yield from _remarks(said["errors"], depth=depth + 1)
    else:
        name = code(said)
        if name is not None:
            yield name


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
