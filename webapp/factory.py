"""The composition root: the only place that knows everything."""

from datetime import timedelta
from typing import Any

from flask import Flask

from webapp import extensions, models
from webapp.config import ROOT, Settings

# One statement that waits longer for a lock than this gives up with a clear error, so that a web
# thread is never lost to a stuck transaction; an idle transaction is ended by the server.
_PATIENCE = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"


def create_app(settings: Settings) -> Flask:
    """Build an app from its settings. Nothing outside is touched before the first use."""
    app = Flask("webapp", template_folder=str(ROOT / "templates"), static_folder=None)
    app.config.update(_flask_config(settings))
    extensions.bind(app, settings)
    return app


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.database_pool,
            "max_overflow": 0,
            "pool_pre_ping": True,
            "pool_timeout": 5,
            "connect_args": {"options": _PATIENCE, "connect_timeout": 5},
        },
        "SESSION_COOKIE_SECURE": settings.base_url.startswith("https:"),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        "WTF_CSRF_TIME_LIMIT": None,  # a pay page may stay open for hours
        "MAX_CONTENT_LENGTH": 1_000_000,
        "MAX_FORM_MEMORY_SIZE": 200_000,
    }


_DECLARED = models
