"""What went wrong, in words fit for strangers: one translation for pages, programs and commands."""

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from webapp.core.errors import BusyError, InvalidInputError, TillgateError

logger = structlog.get_logger(__name__)

_RETRY_AFTER_S = 5


@dataclass(frozen=True)
class Refusal:
    """An HTTP status, a stable code, and sentences that name no secret."""

    status: HTTPStatus
    code: str
    title: str
    detail: str
    field: str | None = None
    retry_after_s: int | None = None


def explain(error: Exception) -> Refusal:
    """Say what an error means to whoever made the request; log what only we should know."""
    match error:
        case InvalidInputError():
            return Refusal(
                error.status, error.code, "Please check what you entered", str(error), error.field
            )
        case BusyError():
            logger.warning("busy", what=str(error))
            return _unavailable()
        case TillgateError():
            title = error.status.phrase
            return Refusal(error.status, error.code, title, str(error), retry_after_s=error.wait_s)
        case CSRFError():
            return Refusal(
                HTTPStatus.BAD_REQUEST,
                "form_expired",
                "This form has expired",
                "Go back, reload the page and try again. Cookies must be allowed.",
            )
        case HTTPException():
            status = HTTPStatus(error.code or 500)
            return Refusal(status, status.phrase.lower().replace(" ", "_"), status.phrase, "")
        case OperationalError() | InterfaceError() | PoolTimeoutError():
            logger.error("database_away", reason=type(error).__name__)
            return _unavailable()
        case DBAPIError() if error.connection_invalidated:
            logger.error("database_away", reason=type(error).__name__)
            return _unavailable()
        case _:
            logger.error("unexpected", exc_info=error)
            return Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "unexpected",
                "Something went wrong on our side",
                "We have been told. Nothing is lost: please try again in a moment.",
            )


def _unavailable() -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "We cannot answer at the moment",
        "Please try again in a few seconds. A payment that was made is not lost.",
        retry_after_s=_RETRY_AFTER_S,
    )
