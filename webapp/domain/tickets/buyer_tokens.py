"""The long token of a buyer's ticket page: the link's code with our signature behind it.

Nothing is stored, and nobody who has only the code, which many may see, can make the token. It is
in the buyer's email and opens their tickets: it is never logged.
"""

import hashlib
from typing import Final

from itsdangerous import BadSignature, Signer

from webapp.core import references
from webapp.extensions import settings

_SALT: Final = "tickets"


def of(link_code: str) -> str:
    """Return the token that opens the tickets of the link with this code."""
    return _signer().sign(link_code).decode()


def link_code(token: str) -> str | None:
    """Return the code of the link whose tickets the token opens; None when it is not ours."""
    try:
        code = _signer().unsign(token).decode()
    except BadSignature:
        return None
    return references.clean_link_code(code)


def page_url(code: str) -> str:
    """Return the whole address of the page where the buyer of this link sees the tickets."""
    return f"{settings.base_url}/tickets/{of(code)}"


def _signer() -> Signer:
    # The salt keeps this signature apart from every other that the same key makes.
    secret = settings.secret_key.get_secret_value()
    return Signer(secret, salt=_SALT, digest_method=hashlib.sha256)
