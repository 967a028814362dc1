"""What every answer carries: a policy that leaves no room for anybody else's script."""

from typing import Final

from flask import Flask, Response

from webapp.config import Settings

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_ALWAYS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def of(settings: Settings) -> list[tuple[str, str]]:
    """Return the headers of every answer."""
    https = ("Strict-Transport-Security", "max-age=31536000")
    return [*_ALWAYS, https] if settings.is_https else list(_ALWAYS)


def guard(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer of the app; a page may have a policy of its own."""
    always = of(settings)

    @app.after_request
    def _guard(answer: Response) -> Response:
        for name, value in always:
            answer.headers.setdefault(name, value)
        return answer
