"""The mail that a development machine did not send: messages in a folder, as pages.

The factory registers these routes only there. Elsewhere they do not exist.
"""

from io import BytesIO
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, make_response, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp.config import Settings
from webapp.core.errors import NotFoundError
from webapp.core.mail_url import MailUrl
from webapp.extensions import settings
from webapp.mail import letterbox
from webapp.mail.letterbox import StoredMessage

blueprint = Blueprint("dev_mail", __name__, url_prefix="/dev/mail")

_LISTED: Final = 200
_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})

# A message may style itself and show its own pictures; it loads nothing else and runs nothing.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)


def folder(values: Settings) -> Path | None:
    """Return where a development machine's mail lies; None on every other machine."""
    if values.environment != "development":
        return None
    return MailUrl.parse(values.mail_url).folder


@blueprint.get("")
def list_messages() -> ResponseReturnValue:
    """List the messages, the newest first."""
    heads = letterbox.heads(_folder(), limit=_LISTED)
    return _fresh(make_response(render_template("dev/mail.html", heads=heads)))


@blueprint.get("/<name>")
def show_message(name: str) -> ResponseReturnValue:
    """Show one message: its head, its plain text, its HTML in a frame, its files."""
    message = letterbox.message(_folder(), name)
    return _fresh(make_response(render_template("dev/message.html", message=message)))


@blueprint.get("/<name>/html")
def show_html(name: str) -> ResponseReturnValue:
    """Show the HTML of a message, for the frame on its page."""
    message = letterbox.message(_folder(), name)
    if not message.html:
        raise NotFoundError("the message has no HTML")
    answer = _fresh(make_response(_with_pictures(message)))
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


@blueprint.get("/<name>/parts/<int:number>")
def show_part(name: str, number: int) -> ResponseReturnValue:
    """Give a file of a message: a picture to be shown, everything else to be kept."""
    part = letterbox.message(_folder(), name).part(number)
    answer = send_file(
        BytesIO(part.content),
        mimetype=part.content_type,
        as_attachment=part.content_type not in _PICTURES,
        download_name=part.filename,
    )
    return _fresh(answer)


@blueprint.get("/<name>/raw")
def show_raw(name: str) -> ResponseReturnValue:
    """Give the whole message as it lies in the folder."""
    message = letterbox.message(_folder(), name)
    answer = send_file(
        BytesIO(message.raw), mimetype="message/rfc822", as_attachment=True, download_name=name
    )
    return _fresh(answer)


def _folder() -> Path:
    found = folder(settings)
    if found is None:
        raise NotFoundError("mail goes to people here")
    return found


def _with_pictures(message: StoredMessage) -> str:
    """Return the HTML with its own pictures, and with links that leave the frame."""
    html = message.html.replace("<head>", '<head><base target="_blank">', 1)
    for part in message.parts:
        if part.content_id:
            url = url_for("dev_mail.show_part", name=message.name, number=part.number)
            html = html.replace(f"cid:{part.content_id}", url)
    return html


def _fresh(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
