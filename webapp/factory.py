"""The composition root: the only place that knows everything."""

from datetime import timedelta
from typing import Any

from flask import Flask, Response, request
from jinja2 import StrictUndefined

from webapp import extensions, paper, refusals
from webapp.api import (
    bodies,
    checkout_sessions,
    health,
    payment_links,
    payment_sessions,
    payments,
    problems,
    provider_notices,
)
from webapp.config import ROOT, Settings
from webapp.web import auth, checkout, dev_mail, errors, headers, leaving, limits, status, tickets
from webapp.web.dashboard import (
    accounts,
    acting,
    consents,
    ending,
    keys,
    links,
    lists,
    making,
    refunding,
    sites,
    verifying,
)
from webapp.web.static_files import StaticFiles
from webapp.web.status_lane import StatusLane

# One statement that waits longer for a lock than this gives up with a clear error, so that a web
# thread is never lost to a stuck transaction; an idle transaction is ended by the server.
_PATIENCE = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"

_FOR_PROGRAMS = ("/api/", "/hooks/", "/health/")

# Every blueprint of the house.
_BLUEPRINTS = (
    checkout.blueprint,
    leaving.blueprint,
    status.blueprint,
    tickets.blueprint,
    auth.blueprint,
    lists.blueprint,
    making.blueprint,
    links.blueprint,
    acting.blueprint,
    accounts.blueprint,
    consents.blueprint,
    refunding.blueprint,
    ending.blueprint,
    verifying.blueprint,
    keys.blueprint,
    sites.blueprint,
    health.blueprint,
    provider_notices.blueprint,
    payments.blueprint,
    payment_links.blueprint,
    payment_sessions.blueprint,
    checkout_sessions.blueprint,
)


def create_app(settings: Settings, *, has_commands: bool = False) -> Flask:
    """Build an app from its settings. Nothing outside is touched before the first use.

    Args:
        settings: what differs between places.
        has_commands: what only `flask` needs is loaded too; a third of a server's start, or a
            worker's, would go into that.
    """
    app = Flask("webapp", template_folder=str(ROOT / "templates"), static_folder=None)
    app.config.update(_flask_config(settings))
    extensions.bind(app, settings)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    if dev_mail.folder(settings) is not None:
        app.register_blueprint(dev_mail.blueprint)
    if has_commands:
        from webapp.cli import commands  # noqa: PLC0415  # see above

        commands.register(app)
    app.register_error_handler(Exception, _refuse)
    limits.guard(app, settings, _refuse)
    app.before_request(bodies.take_in)
    headers.guard(app, settings)
    _prepare_templates(app, settings)
    StaticFiles(ROOT / "static", built=ROOT / "var" / "static").serve(app)
    StatusLane(app, settings).serve()
    return app


def _refuse(error: Exception) -> Response:
    """Answer a failed request in its own language: a page, or a problem document."""
    refusal = refusals.explain(error)
    asks_for_json = request.accept_mimetypes.best == "application/json"
    for_program = asks_for_json or request.path.startswith(_FOR_PROGRAMS)
    return problems.document(refusal) if for_program else errors.page(refusal)


def _prepare_templates(app: Flask, settings: Settings) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(paper.FILTERS)
    app.jinja_env.globals["site_name"] = settings.site_name


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.database_pool,
            "max_overflow": 0,
            "pool_pre_ping": True,
            "pool_timeout": 5,
            "hide_parameters": True,  # an error's text must not carry what a buyer entered
            "connect_args": {"options": _PATIENCE, "connect_timeout": 5, **extensions.LOST_LINE},
        },
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        # It asks for a Referer, which our own policy tells browsers not to send.
        "WTF_CSRF_SSL_STRICT": False,
        "WTF_CSRF_TIME_LIMIT": None,  # a pay page may stay open for hours
        "MAX_CONTENT_LENGTH": 1_000_000,
        "MAX_FORM_MEMORY_SIZE": 200_000,
        "MAX_FORM_PARTS": 100,
    }
