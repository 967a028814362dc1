"""What every page of the desk shares: who is there, and what nobody may keep."""

import hashlib
import re
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request
from flask_login import current_user

from webapp.core.errors import NotFoundError
from webapp.extensions import settings
from webapp.models import Merchant
from webapp.web import auth

# What an order's or a message's reference looks like, and a link's code: all else is not there.
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def blueprint(name: str) -> Blueprint:
    """Return a blueprint whose every route is for owners and staff, and kept by no browser."""
    made = Blueprint(name, __name__)
    made.before_request(auth.admit)
    made.after_request(auth.never_kept)
    return made


def merchant() -> Merchant:
    """Return whose desk it is."""
    found: Merchant = current_user.merchant
    return found


def actor() -> str:
    """Return how the audit trail names who is signed in; see `sentences.actor`."""
    return f"user:{current_user.user.id}"


def clean_name(typed: str) -> str:
    """Return a reference or code as it was typed.

    Raises:
        NotFoundError: it cannot be one; nobody asks the database.
    """
    if not _NAME.fullmatch(typed):
        raise NotFoundError("there is no such link")
    return typed


def tag(panel: object) -> str:
    """Name what a fragment shows: a panel is its whole vocabulary, so its values are the name."""
    said = f"{settings.release}|{panel!r}"
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def fragment(template: str, panel: object, *, poll_after: float) -> Response:
    """Answer a poll by the protocol of docs/polling.md."""
    etag = tag(panel)
    if request.if_none_match.contains_weak(etag):
        answer = Response(status=304)
    else:
        answer = make_response(render_template(template, panel=panel))
    answer.set_etag(etag)
    answer.headers["X-Poll-After"] = f"{poll_after:g}"
    answer.headers["Vary"] = "HX-Request"
    return answer
