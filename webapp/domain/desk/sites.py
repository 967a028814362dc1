"""The merchant's own websites: whose scripts may read, and where buyers may be sent back to."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from webapp.core.errors import InvalidInputError
from webapp.domain.transaction import lock, transaction
from webapp.models import Merchant

MAX_SITES: Final = 10
MAX_ADDRESS: Final = 2000

_AT_HOME: Final = frozenset({"localhost", "127.0.0.1"})
_USUAL_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# An address that a header can carry as it stands.
_ADDRESS: Final = re.compile(r"[!-~]+")


def store(merchant: Merchant, sites: Sequence[str], return_url: str) -> None:
    """Write where the merchant's own websites are, and where a buyer who cancels goes back to.

    Args:
        merchant: whose they are.
        sites: one address each; what stands twice is kept once.
        return_url: at one of the sites, or empty: then such a buyer stays with us.

    Raises:
        InvalidInputError: one of them cannot be accepted; `field` is `sites` or `return_url`.
    """
    named = [site.strip() for site in sites if site.strip()]
    origins = list(dict.fromkeys(origin("sites", site) for site in named))
    if len(origins) > MAX_SITES:
        raise InvalidInputError("sites", f"must be {MAX_SITES} at most")
    address = _checked(return_url.strip(), origins) if return_url.strip() else None
    with transaction():
        row = lock(Merchant, Merchant.id == merchant.id)
        row.sites, row.return_url = origins, address


def origin(field: str, site: str) -> str:
    """Return a website as browsers name it in their `Origin` header.

    Raises:
        InvalidInputError: it names none, says more than one, or is not encrypted.
    """
    parts, port = _split(field, site)
    if parts.path.strip("/") or parts.query or parts.fragment or "?" in site or "#" in site:
        raise InvalidInputError(
            field, f"must be such as https://shop.example, without a path: {site}"
        )
    return _origin(field, parts, port)


def _checked(address: str, origins: Sequence[str]) -> str:
    if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidInputError("return_url", "must be an address as browsers show it when copied")
    parts, port = _split("return_url", address)
    if _origin("return_url", parts, port) not in origins:
        raise InvalidInputError("return_url", "must be at one of your websites")
    return address


def _split(field: str, address: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise InvalidInputError(field, "must be an address such as https://shop.example") from None
    is_web = parts.scheme in _USUAL_PORTS and parts.hostname
    # A browser reads a backslash as a slash, and what stands before an @ as no part of the host.
    if not is_web or "@" in parts.netloc or "\\" in address or not address.isprintable():
        raise InvalidInputError(field, "must be an address such as https://shop.example")
    return parts, port


def _origin(field: str, parts: SplitResult, port: int | None) -> str:
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise InvalidInputError(field, "must be an address such as https://shop.example")
    if parts.scheme == "http" and host not in _AT_HOME:
        raise InvalidInputError(field, "must begin with https://")
    usual = _USUAL_PORTS[parts.scheme]
    return (
        f"{parts.scheme}://{host}" if port in {None, usual} else f"{parts.scheme}://{host}:{port}"
    )
