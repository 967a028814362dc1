"""Names for what must not be named: the same each time, and telling nothing to who reads them."""

import hashlib
import hmac
import ipaddress
from functools import lru_cache
from typing import Final

# Whoever has one IPv6 address has all of its network.
_IPV6_NETWORK: Final = 64


@lru_cache(maxsize=4096)
def network(client: str) -> str:
    """Return what one client cannot change of its network address; empty where it is none."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _IPV6_NETWORK), strict=False))


def of(said: str, secret: str) -> str:
    """Return 32 characters that stand for what was said; without the secret it cannot be guessed.

    Args:
        said: such as a network address.
        secret: the deployment's own.
    """
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()[:32]


def of_random(secret: str) -> str:
    """Return what is kept of a secret that we made by chance and gave out.

    Nobody guesses it from this, so it needs neither salt nor a slow hash.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
