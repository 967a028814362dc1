"""The cookie by which a buyer's browser is known again: at the link's pages, and at its sitting."""

from typing import Final

from flask import request
from werkzeug.wrappers import Response

from webapp.extensions import settings

_NAME: Final = "sitting"
_LIFE_S: Final = 7 * 86_400


def token() -> str | None:
    """Return the token that the browser shows here, if it has one."""
    return request.cookies.get(_NAME)


def keep(answer: Response, token: str, *, path: str) -> None:
    """Let the browser keep its token: it is shown below this path and nowhere else."""
    answer.set_cookie(
        _NAME,
        token,
        path=path,
        max_age=_LIFE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.is_https,
    )


def keep_at_link(answer: Response, code: str, token: str) -> None:
    """Let the browser keep its token for a link's pages, and for no other's."""
    keep(answer, token, path=f"/pay/{code}")
