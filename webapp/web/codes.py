"""The code in the buyer's addresses."""

from webapp.core import references
from webapp.core.errors import NotFoundError


def clean_code(typed: str) -> str:
    """Return the code that was meant, whatever its case.

    Raises:
        NotFoundError: it cannot be a code; nobody asks the database.
    """
    code = references.clean_link_code(typed)
    if code is None:
        raise NotFoundError("there is no such link")
    return code
