"""Who a program speaks for."""

import hmac
from typing import Final

from flask import request
from flask_login import current_user

from webapp.core.errors import ForbiddenError, NotSignedInError
from webapp.extensions import settings
from webapp.models import Merchant

_HEADER: Final = "x-cron-secret"


def merchant() -> Merchant:
    """Return the merchant whose session it is.

    Raises:
        NotSignedInError: nobody's, or somebody's who is not at a desk.
    """
    if not (current_user.is_authenticated and current_user.is_at_the_desk):
        raise NotSignedInError("sign in at /desk first")
    found: Merchant = current_user.merchant
    return found


def check_schedule() -> None:
    """Let pass who knows the schedule's secret; in development, whoever comes.

    Raises:
        ForbiddenError: the secret is missing or wrong, or there is none to compare it with.
    """
    secret = settings.cron_secret.get_secret_value()
    if not secret and settings.environment == "development":
        return
    given = request.headers.get(_HEADER, "")
    if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
        raise ForbiddenError(f"send CRON_SECRET in the header {_HEADER}")
