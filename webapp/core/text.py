"""Text as people type it, made fit to be stored and shown."""

from email_validator import EmailNotValidError, validate_email

from webapp.core.addresses import UnmailableError, wire_address
from webapp.core.errors import InvalidInputError


def one_line(field: str, typed: str, longest: int) -> str:
    """Return one line of text without surrounding space.

    Raises:
        InvalidInputError: empty, too long, or with control characters in it.
    """
    line = typed.strip()
    if not line:
        raise InvalidInputError(field, "must not be empty")
    if len(line) > longest:
        raise InvalidInputError(field, f"must have at most {longest} characters")
    if not line.isprintable():
        raise InvalidInputError(field, "must be one line of text without control characters")
    return line


def email_address(field: str, typed: str) -> str:
    """Return an address in its normal form, one that `wire_address` accepts.

    Whether anybody reads it, only mail can tell.

    Raises:
        InvalidInputError: it is no address, or none that mail can be sent to.
    """
    try:
        checked = validate_email(typed.strip(), check_deliverability=False, allow_smtputf8=False)
        wire_address(checked.normalized)
    except (EmailNotValidError, UnmailableError) as error:
        if not typed.partition("@")[0].strip().isascii():
            raise InvalidInputError(
                field, "must have only plain letters before the @: mail servers take no others"
            ) from error
        raise InvalidInputError(field, "must be an address such as name@example.org") from error
    return checked.normalized


def masked(address: str) -> str:
    """Return an address that its owner knows again and nobody else can use: `a***@example.org`."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}***@{domain}"
