"""Error pages. They need no database: they are shown when there is none."""

from flask import Response, render_template

from webapp.refusals import Refusal

_KNOWN = {
    404: ("There is no such page", "Check the address, or ask the shop for the link again."),
    405: ("That does not work here", "Go back and try again."),
    413: ("That is too much", "What was sent is too large."),
    429: ("One moment, please", "There were many requests from here. Try again in a minute."),
}


def page(refusal: Refusal) -> Response:
    """Show a refusal to a person."""
    title, detail = _KNOWN.get(refusal.status, (refusal.title, refusal.detail))
    html = render_template(
        "errors/error.html", title=title, detail=detail, status=int(refusal.status)
    )
    answer = Response(html, status=refusal.status, mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    if refusal.retry_after_s is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after_s)
    return answer
