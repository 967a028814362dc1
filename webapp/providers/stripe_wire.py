"""How Stripe is spoken to: its headers, its forms, and the shapes of its answers and errors."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from webapp.providers import parsing
from webapp.providers.base import Access, HttpAnswer, HttpRequest
from webapp.providers.parsing import NotUnderstoodError

# Sent with each request. What we read of a notice is the same in every version.
VERSION: Final = "2026-10-28.endive"

KEY: Final = re.compile(r"(?:sk|rk|pk|whsec)_\S+")


def post(
    access: Access, path: str, form: Mapping[str, str], *, key: str | None = None
) -> HttpRequest:
    """Write a form. Under a key Stripe does it once, and answers a day long as it did then."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return _request(access, "POST", path, headers, urlencode(form).encode())


def get(access: Access, path: str) -> HttpRequest:
    """Write a question."""
    return _request(access, "GET", path, {}, None)


def _request(
    access: Access, method: str, path: str, more: Mapping[str, str], body: bytes | None
) -> HttpRequest:
    headers = {
        "Authorization": f"Bearer {access.secrets['api_key']}",
        "Stripe-Version": VERSION,
        "Accept": "application/json",
        **more,
    }
    if "connected_account" in access.options:
        headers["Stripe-Account"] = access.options["connected_account"]
    return HttpRequest(method, f"{access.base_url}{path}", headers, body)


def is_in_doubt(answer: HttpAnswer) -> bool:
    """Whether something may have been done although the answer does not say so."""
    return answer.status != 200 and (
        answer.status in {408, 409, 424, 425, 429}
        or not 400 <= answer.status < 500
        or answer.headers.get("stripe-should-retry") == "true"
    )


def body(answer: HttpAnswer, kind: str) -> dict[str, Any]:
    """Return an object of Stripe's of this kind.

    Raises:
        NotUnderstoodError: it is something else.
    """
    found = parsing.body(answer)
    if found.get("object") != kind:
        raise NotUnderstoodError(f"status {answer.status}, the body is no {kind}")
    return found


def error(answer: HttpAnswer) -> dict[str, Any]:
    """Return what Stripe says of a request that it did not do.

    Raises:
        NotUnderstoodError: it is no error of Stripe's, and may be a proxy's.
    """
    found = parsing.body(answer).get("error")
    if not isinstance(found, dict):
        raise NotUnderstoodError(f"status {answer.status}, the body names no error")
    return found


def remark(answer: HttpAnswer, error: Mapping[str, Any]) -> str:
    """Return why Stripe refused, fit for a log."""
    return parsing.line(error.get("message"), without=KEY) or f"status {answer.status}"


def name_or_none(body: Mapping[str, Any], key: str) -> str | None:
    """Return a name that others may have chosen, such as that of a session that is not ours."""
    try:
        return parsing.name(body, key)
    except NotUnderstoodError:
        return None
