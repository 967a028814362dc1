"""The keys of an account at the sandbox bank: derived, so that nobody has to register there."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from webapp.core.errors import InvalidInputError

_ACCOUNT = re.compile(r"sbx-[A-Za-z0-9-]{1,48}")


@dataclass(frozen=True)
class SandboxKeys:
    """What a merchant holds: the key of its requests, and the secret that signs the notices."""

    api_key: str = field(repr=False)
    notice_secret: str = field(repr=False)


def account_keys(secret: str, account: str) -> SandboxKeys:
    """Derive an account's keys from the secret that the bank and the application share.

    Raises:
        InvalidInputError: the account is not named `sbx-…` in letters, digits and hyphens.
    """
    if not _ACCOUNT.fullmatch(account):
        raise InvalidInputError("account", "must be sbx- and up to 48 letters, digits or hyphens")
    return SandboxKeys(
        api_key=f"sbk_{account}_{_derive(secret, 'api-key', account)}",
        notice_secret=f"sbn_{_derive(secret, 'notice-secret', account)}",
    )


def account_of(secret: str, api_key: str) -> str | None:
    """Return the account that an API key belongs to, or None when we never derived that key."""
    account = api_key.removeprefix("sbk_").rpartition("_")[0]
    if not _ACCOUNT.fullmatch(account):
        return None
    expected = account_keys(secret, account).api_key
    return account if hmac.compare_digest(expected.encode(), api_key.encode()) else None


def _derive(secret: str, purpose: str, account: str) -> str:
    return hmac.new(secret.encode(), f"{purpose}:{account}".encode(), hashlib.sha256).hexdigest()
