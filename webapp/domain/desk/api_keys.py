"""Keys by which programs speak for a merchant: shown once, known again by a hash."""

import hmac
import re
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.core import clock, fingerprints, references, text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.domain.transaction import database_now, lock, step_outside, transaction
from webapp.extensions import db
from webapp.models import ApiKey, Merchant

logger = structlog.get_logger(__name__)

MAX_NAME: Final = 60
# That work at one time. A program more than that has no need of a key of its own.
MAX_KEYS: Final = 20

_KEY: Final = re.compile(r"tgk_([a-z0-9]{10})_[A-Za-z0-9_-]{43}")
_PREFIX: Final = re.compile(r"[a-z0-9]{10}")

# Not every request writes.
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


def make(merchant: Merchant, name: str, *, made_by: str) -> tuple[ApiKey, str]:
    """Write a key, and return it with its text: that is nowhere else, and cannot be had again.

    Args:
        merchant: for whom it speaks.
        name: what the merchant calls the program that uses it.
        made_by: who makes it, as the audit trail names people.

    Raises:
        InvalidInputError: the name cannot be one, or there are as many keys as there may be.
    """
    name = text.one_line("name", name, MAX_NAME)
    prefix = references.api_key_prefix()
    said = f"tgk_{prefix}_{references.token()}"
    with transaction():
        # Two who make the last one at once come in here one after the other.
        lock(Merchant, Merchant.id == merchant.id)
        query = select(func.count()).where(
            ApiKey.merchant_id == merchant.id, ApiKey.revoked_at.is_(None)
        )
        if db.session.scalars(query).one() >= MAX_KEYS:
            raise InvalidInputError("name", f"there are {MAX_KEYS} keys already: revoke one first")
        key = ApiKey(
            merchant_id=merchant.id,
            name=name,
            prefix=prefix,
            key_hash=fingerprints.of_random(said),
            made_by=made_by,
        )
        db.session.add(key)
    logger.info("programs_key_made", merchant=merchant.slug, prefix=prefix, actor=made_by)
    return key, said


def of(said: str) -> ApiKey | None:
    """Return the key whose text this is, or None; why it is none, nobody is told.

    That it was used is noted at most once a minute, in a transaction of its own.
    """
    key = _find(said)
    if key is not None:
        _note_use(key)
    return key


def known(said: str) -> str | None:
    """Return the prefix of the key whose text this is, or None; its use is not noted.

    None too where the database cannot be asked. No connection is held afterwards.
    """
    prefix = None
    try:
        key = _find(said)
        # Before the step: it forgets what was read.
        prefix = None if key is None else key.prefix
    except SQLAlchemyError as error:
        logger.warning("key_not_looked_up", reason=type(error).__name__)
    step_outside()
    return prefix


def of_merchant(merchant: Merchant) -> list[ApiKey]:
    """Return the merchant's keys: those that work first, the newest of them first."""
    query = select(ApiKey).where(ApiKey.merchant_id == merchant.id)
    return list(
        db.session.scalars(query.order_by(ApiKey.revoked_at.desc().nulls_first(), ApiKey.id.desc()))
    )


def get(merchant: Merchant, prefix: str) -> ApiKey:
    """Return one of the merchant's keys by its prefix.

    Raises:
        NotFoundError: the merchant has no such key.
    """
    query = select(ApiKey).where(ApiKey.merchant_id == merchant.id, ApiKey.prefix == prefix)
    key = db.session.scalar(query) if _PREFIX.fullmatch(prefix) else None
    if key is None:
        raise NotFoundError("there is no such key")
    return key


def revoke(merchant: Merchant, prefix: str, *, actor: str) -> ApiKey:
    """End a key: from the next request on it opens nothing. One that has ended stays so.

    Raises:
        NotFoundError: the merchant has no such key.
    """
    with transaction():
        known = get(merchant, prefix)
        key = lock(ApiKey, ApiKey.id == known.id)
        was_ended = key.revoked_at is not None
        key.revoked_at = key.revoked_at or database_now()
    if not was_ended:
        logger.info("programs_key_revoked", merchant=merchant.slug, prefix=prefix, actor=actor)
    return key


def _find(said: str) -> ApiKey | None:
    found = _KEY.fullmatch(said)
    if found is None:
        return None
    query = select(ApiKey).where(ApiKey.prefix == found[1], ApiKey.revoked_at.is_(None))
    key = db.session.scalar(query.execution_options(populate_existing=True))
    is_it = key is not None and hmac.compare_digest(key.key_hash, fingerprints.of_random(said))
    return key if is_it else None


def _note_use(key: ApiKey) -> None:
    # Asked of our own clock, so that most requests ask the database nothing more.
    if key.last_used_at is not None and key.last_used_at > clock.now() - _USE_NOTED_EVERY:
        return
    with transaction():
        is_due = or_(
            ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= func.now() - _USE_NOTED_EVERY
        )
        db.session.execute(
            update(ApiKey).where(ApiKey.id == key.id, is_due).values(last_used_at=func.now())
        )
