"""Who is at the other end of a request."""

from flask import request

from webapp.extensions import settings


def address() -> str:
    """Return the network address that the request comes from; empty where nobody knows.

    We speak no TLS ourselves: with https there is a proxy in front, and what it writes last into
    X-Forwarded-For is who came to it. Without one, whoever comes could write anything.
    """
    if settings.base_url.startswith("https:") and request.access_route:
        return request.access_route[-1]
    return request.remote_addr or ""
