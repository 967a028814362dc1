"""What every answer carries: a policy that leaves no room for anybody else's script."""

from flask import Flask, Response

from webapp.config import Settings

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def guard(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer of the app."""
    is_https = settings.base_url.startswith("https:")

    @app.after_request
    def _guard(answer: Response) -> Response:
        answer.headers.setdefault("Content-Security-Policy", _POLICY)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if is_https:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        return answer
