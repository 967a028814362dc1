"""Paystack on the wire: its envelope, and money in hundredths of whatever the currency is."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from webapp.core.money import EXPONENTS, Money
from webapp.providers import parsing
from webapp.providers.base import Access, HttpAnswer, HttpRequest
from webapp.providers.parsing import NotUnderstoodError

# What must not appear in a remark: keys.
SECRET: Final = re.compile(r"(?:\b[sp]k_|\b[Bb]earer\s+)\S+")

_MOST: Final = 10**15  # in hundredths; more is no amount but nonsense
_MOST_ID: Final = 2**64 - 1
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
# Paystack counts in hundredths, also where a currency has no smaller unit.
_DECIMALS: Final = 2


def request(access: Access, method: str, path: str, content: object = None) -> HttpRequest:
    """Write a request, with a JSON body if there is one."""
    headers = {
        "Authorization": f"Bearer {access.secrets['api_key']}",
        "Accept": "application/json",
    }
    url = f"{access.base_url}{path}"
    if content is None:
        return HttpRequest(method, url, headers)
    body = json.dumps(content).encode()
    return HttpRequest(method, url, {**headers, "Content-Type": "application/json"}, body)


def envelope(answer: HttpAnswer) -> dict[str, Any]:
    """Return the whole document of an answer; its `status` says how the call went, no more.

    Raises:
        NotUnderstoodError: it is not what Paystack wraps everything in.
    """
    body = parsing.body(answer)
    if not isinstance(body.get("status"), bool):
        raise NotUnderstoodError(f"status {answer.status}, the body is no envelope")
    return body


def data(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the envelope holds.

    Raises:
        NotUnderstoodError: the call went wrong, or it holds no object.
    """
    found = body.get("data")
    if body.get("status") is not True or not isinstance(found, dict):
        raise NotUnderstoodError("data is not understood")
    return found


def remark(body: Mapping[str, Any]) -> str | None:
    """Return what an error says, as one line."""
    return parsing.line(body.get("message"), without=SECRET)


def unauthorised(answer: HttpAnswer) -> str:
    """Return why a 401 or 403 was given: of a key, or of what the account may not do."""
    try:
        why = remark(envelope(answer))
    except NotUnderstoodError:
        why = None
    return f"not authorised: {why}" if why and answer.status == 403 else "not authorised"


def identity(value: object) -> str:
    """Return the id of a thing, a number of up to 64 bits, as text.

    Raises:
        NotUnderstoodError: it is none.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 < value <= _MOST_ID:
        raise NotUnderstoodError("an id is not understood")
    return str(value)


def hundredths(money: Money) -> int:
    """Return an amount as Paystack counts it: 2500 for $25, and 250000 for 2500 CFA francs."""
    return money.minor * int(10 ** (_DECIMALS - EXPONENTS[money.currency]))


def money(amount: object, currency: object) -> Money:
    """Return an amount that Paystack counts as money. Some of its answers write it as text.

    Raises:
        NotUnderstoodError: no whole number, below zero, finer than the currency, or beyond sense.
    """
    if isinstance(amount, str) and _NUMBER.fullmatch(amount):
        amount = int(amount)
    if (
        type(amount) is not int
        or not 0 <= amount <= _MOST
        or not isinstance(currency, str)
        or currency not in EXPONENTS
    ):
        raise NotUnderstoodError("the money is not understood")
    minor, rest = divmod(amount, 10 ** (_DECIMALS - EXPONENTS[currency]))
    if rest:
        raise NotUnderstoodError("the money is finer than its currency")
    return Money(minor, currency)
