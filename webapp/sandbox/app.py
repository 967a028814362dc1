"""Puts the bank together: settings, books, clockwork, API and pages make a WSGI application."""

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from webapp.sandbox import answers, api, pages
from webapp.sandbox.bank import Bank

_LARGEST_BODY = 65_536


def create_app(bank: Bank) -> Flask:
    """Return the application of one bank. Its clockwork is not started here."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.before_request
    def _here_is_the_bank() -> None:
        g.bank = bank

    app.add_url_rule("/health", view_func=_health)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_error_handler(HTTPException, _refused)
    app.after_request(_guard)
    return app


def _health() -> Response:
    return answers.in_json({"status": "ok"})


def _refused(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if request.path.startswith("/v1/"):
        return answers.refusal(status, "refused", error.name)
    return pages.message(error.name, "Please go back to the shop and try again.", status)


def _guard(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", pages.policy("'none'"))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
