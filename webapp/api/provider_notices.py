"""Where providers' notices arrive: authenticate the raw body, store once, kick, answer fast."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from webapp.domain.payments import notices
from webapp.extensions import csrf, settings
from webapp.providers.base import MalformedNoticeError, UnauthenticNoticeError

blueprint = Blueprint("provider_notices", __name__)


@blueprint.post("/hooks/<provider>/<token>")
@blueprint.post("/hooks/<provider>/<token>/<reference>")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def receive_notice(provider: str, token: str, reference: str | None = None) -> ResponseReturnValue:
    """Take in one notice. The body is read before the database is asked for anything."""
    # One byte more than is allowed: Werkzeug cuts a body of no declared length, and says nothing.
    request.max_content_length = settings.hook_max_bytes + 1
    body = request.get_data(cache=False)
    if len(body) > settings.hook_max_bytes:
        raise RequestEntityTooLarge
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        notices.receive(provider, token, headers, body, reference=reference)
    except (UnauthenticNoticeError, MalformedNoticeError):
        # Whoever forges notices learns nothing from the answer.
        raise BadRequest from None
    return Response(status=204)
