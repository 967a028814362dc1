"""Who is at the other end of a request."""

from collections.abc import Mapping
from typing import Any

from flask import request

from webapp.extensions import settings


def address() -> str:
    """Return the network address that the request comes from; empty where nobody knows.

    We speak no TLS ourselves: with https there is a proxy in front, and what it writes last into
    X-Forwarded-For is who came to it. Without one, whoever comes could write anything.
    """
    return address_in(request.environ, is_behind_proxy=settings.base_url.startswith("https:"))


def address_in(environ: Mapping[str, Any], *, is_behind_proxy: bool) -> str:
    """Return the address that a WSGI environment tells of; see `address`."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "") if is_behind_proxy else ""
    last: str = forwarded.rpartition(",")[2].strip() or environ.get("REMOTE_ADDR", "")
    return last
