"""Merchants: made, found, and connected to the sandbox bank."""

import re
import secrets

from sqlalchemy import select

from webapp.core import text, wall_clock
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.sandbox_keys import account_keys
from webapp.domain.desk import users
from webapp.domain.payments import accounts
from webapp.domain.transaction import transaction
from webapp.extensions import db, settings
from webapp.models import Merchant, User

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def make(
    slug: str,
    name: str,
    *,
    support_email: str | None,
    timezone: str = "UTC",
    owner: User | None = None,
) -> Merchant:
    """Write a merchant.

    Args:
        slug: the short name for commands.
        name: as buyers read it.
        support_email: where buyers find help.
        timezone: the IANA name of the zone in which the merchant is told all times.
        owner: who signs in for it, drafted by `users.draft`; written with it or not at all.

    Raises:
        InvalidInputError: a value cannot be accepted, or the short name or the owner's address is
            taken.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidInputError("slug", "must be small letters, digits and inner hyphens")
    wall_clock.check_timezone(timezone)
    with transaction():
        if db.session.scalar(select(Merchant.id).where(Merchant.slug == slug)) is not None:
            raise InvalidInputError("slug", f"{slug!r} is taken")
        merchant = Merchant(
            slug=slug,
            name=text.one_line("name", name, 120),
            support_email=(
                text.email_address("support_email", support_email) if support_email else None
            ),
            timezone=timezone,
        )
        db.session.add(merchant)
        if owner is not None:
            db.session.flush()
            users.add(merchant, owner)
    return merchant


def get(slug: str) -> Merchant:
    """Return a merchant by its short name.

    Raises:
        NotFoundError: there is none.
    """
    merchant = db.session.scalar(select(Merchant).where(Merchant.slug == slug))
    if merchant is None:
        raise NotFoundError(f"there is no merchant {slug!r}")
    return merchant


def connect_sandbox(merchant: Merchant) -> None:
    """Give a merchant an account at the sandbox bank; one that has one keeps it.

    Raises:
        AccountNotConnectedError: the sandbox is not switched on here.
    """
    external_account = f"sbx-{merchant.slug}-{secrets.token_hex(3)}"
    with transaction():
        known = accounts.of_provider(merchant, "sandbox")
        if known is not None:
            external_account = known.external_account
        keys = account_keys(settings.sandbox_secret.get_secret_value(), external_account)
        accounts.connect(
            merchant,
            "sandbox",
            external_account,
            is_live=False,
            secrets={"api_key": keys.api_key, "notice_secret": keys.notice_secret},
        )
