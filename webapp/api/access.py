"""Who a program speaks for."""

import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from flask import request
from flask_login import current_user

from webapp import client
from webapp.core.errors import ForbiddenError, NotSignedInError
from webapp.domain.desk import api_keys
from webapp.extensions import settings
from webapp.models import Merchant

_HEADER: Final = "x-cron-secret"


@dataclass(frozen=True)
class Caller:
    """The merchant for whom somebody asks, and how the audit trail names who it was."""

    merchant: Merchant
    actor: str


def caller() -> Caller:
    """Return for whom somebody asks: by the key in `Authorization`, or else by the desk's session.

    Raises:
        NotSignedInError: the key is none, or the session is nobody's who is at a desk.
        ForbiddenError: another site's page made the browser send the session along.
    """
    found = with_key() or with_session()
    if found is None:
        raise NotSignedInError("send a key as Authorization: Bearer …, or sign in at /desk")
    return found


def with_key() -> Caller | None:
    """Return whose key was sent; None without one.

    Raises:
        NotSignedInError: it is none of ours, or was revoked.
    """
    said = client.key()
    if said is None:
        return None
    key = api_keys.of(said)
    if key is None:
        raise NotSignedInError("this key is not known, or was revoked")
    return Caller(key.merchant, f"key:{key.prefix}")


def with_session() -> Caller | None:
    """Return who is at the desk in this browser, if anybody is.

    Raises:
        ForbiddenError: another site's page made the browser send the session along.
    """
    if not (current_user.is_authenticated and current_user.is_at_the_desk):
        return None
    refuse_other_sites()
    return Caller(current_user.merchant, f"user:{current_user.user.id}")


def refuse_other_sites() -> None:
    """Let no page of another site use what the browser sends along by itself.

    A browser names the page's site with every request that can change something.

    Raises:
        ForbiddenError: it is not ours.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    site = request.headers.get("Origin")
    if site is not None and site not in {_origin(settings.base_url), _origin(request.host_url)}:
        raise ForbiddenError("this is not for pages of other sites: send a key from your server")


def check_schedule() -> None:
    """Let pass who knows the schedule's secret; in development, whoever comes.

    Raises:
        ForbiddenError: the secret is missing or wrong, or there is none to compare it with.
    """
    secret = settings.cron_secret.get_secret_value()
    if not secret and settings.environment == "development":
        return
    given = request.headers.get(_HEADER, "")
    if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
        raise ForbiddenError(f"send CRON_SECRET in the header {_HEADER}")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
