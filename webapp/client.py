"""Who is at the other end of a request."""

import re
from collections.abc import Mapping
from typing import Any, Final

from flask import request

from webapp.core import fingerprints
from webapp.extensions import settings

_KEY: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


def address() -> str:
    """Return the network address that the request comes from; empty where nobody knows.

    We speak no TLS ourselves: with https there is a proxy in front, and what it writes last into
    X-Forwarded-For is who came to it. Without one, whoever comes could write anything.
    """
    return address_in(request.environ, is_behind_proxy=settings.is_https)


def address_in(environ: Mapping[str, Any], *, is_behind_proxy: bool) -> str:
    """Return the address that a WSGI environment tells of; see `address`."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "") if is_behind_proxy else ""
    last: str = forwarded.rpartition(",")[2].strip() or environ.get("REMOTE_ADDR", "")
    return last


def network_of(address: str) -> str:
    """Return what is counted for an address: of IPv6 the network that one customer has alone."""
    return fingerprints.network(address) or address


def key() -> str | None:
    """Return the key that a program sends as `Authorization: Bearer …`; empty where it is spoilt.

    None is for whoever sends none.
    """
    sent = request.headers.get("Authorization", "")
    if sent[:7].strip().lower() != "bearer":
        return None
    said = _KEY.fullmatch(sent)
    return said[1] if said else ""
