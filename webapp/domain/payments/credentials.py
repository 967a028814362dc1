"""What opens a merchant's account at a provider: encrypted at rest, with keys that can be changed.

`CREDENTIALS_KEYS` begins with the key that encrypts; those behind it still open what was encrypted
before. To change keys: put a new one in front, run `rotate`, and take the old one away.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select

from webapp.domain.transaction import lock_all, transaction
from webapp.extensions import db, settings
from webapp.models import ProviderAccount

logger = structlog.get_logger(__name__)

_BATCH: Final = 50


@dataclass
class Rotation:
    """What became of the accounts' credentials. `unreadable`: of a key that is not there."""

    rewritten: int = 0
    current: int = 0
    unreadable: int = 0


def seal(secrets: Mapping[str, str]) -> bytes:
    """Encrypt an account's secrets with the newest key."""
    return MultiFernet(_keys()).encrypt(json.dumps(dict(secrets)).encode())


def unseal(sealed: bytes) -> dict[str, str]:
    """Return what `seal` was given.

    Raises:
        InvalidToken: none of the keys opens it.
    """
    secrets: dict[str, str] = json.loads(MultiFernet(_keys()).decrypt(sealed))
    return secrets


def salvage(sealed: bytes) -> dict[str, str]:
    """Return what `seal` was given, or nothing where its key is lost: it can only be replaced."""
    try:
        return unseal(sealed)
    except InvalidToken:
        return {}


def rotate() -> Rotation:
    """Encrypt every account's secrets with the newest key, a few rows at a time.

    What no key opens stays as it is, and is counted: its key may come back.
    """
    done = Rotation()
    keys = _keys()
    newest, everything = keys[0], MultiFernet(keys)
    ids = list(db.session.scalars(select(ProviderAccount.id).order_by(ProviderAccount.id)))
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        with transaction():
            for account in lock_all(
                ProviderAccount, ProviderAccount.id.in_(some), by=ProviderAccount.id
            ):
                _rotate(account, newest, everything, done)
    return done


def _rotate(
    account: ProviderAccount, newest: Fernet, everything: MultiFernet, done: Rotation
) -> None:
    try:
        newest.decrypt(account.credentials)
    except InvalidToken:
        pass
    else:
        done.current += 1
        return
    try:
        account.credentials = everything.rotate(account.credentials)
    except InvalidToken:
        done.unreadable += 1
        logger.error("credentials_unusable", account_id=account.id)  # noqa: TRY400  # no traceback
        return
    done.rewritten += 1


def _keys() -> list[Fernet]:
    keys = settings.credentials_keys.get_secret_value().split(",")
    return [Fernet(key.strip()) for key in keys]
