"""The one error form of the API: a problem document as RFC 9457 has it."""

from http import HTTPStatus

from flask import Response, json

from webapp.refusals import Refusal


def document(refusal: Refusal) -> Response:
    """Tell a program of a refusal: `code` is stable, the sentences are for its log."""
    content: dict[str, object] = {
        "type": "about:blank",
        "title": refusal.title,
        "status": int(refusal.status),
        "code": refusal.code,
    }
    if refusal.detail:
        content["detail"] = refusal.detail
    if refusal.field is not None:
        content["field"] = refusal.field
    answer = Response(
        json.dumps(content), status=refusal.status, mimetype="application/problem+json"
    )
    answer.headers["Cache-Control"] = "no-store"
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after_s)
    return answer
