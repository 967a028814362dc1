"""Checkouts that were made elsewhere: a link is given one, and watches it as one of its own."""

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from webapp.core import text
from webapp.core.errors import InvalidInputError, ProviderUnreadableError
from webapp.domain.payments import accounts, attempts, creations, links, sessions, waiting
from webapp.domain.transaction import database_now, lock, step_outside, transaction
from webapp.extensions import db, settings
from webapp.models import Merchant, PaymentAttempt, PaymentLink, ProviderAccount
from webapp.providers.base import Handle, Missing, Observation, Unreadable
from webapp.providers.registry import ADAPTERS

_LONGEST = 128


def adopt(
    merchant: Merchant, name: str, *, checkout_id: str, order_id: str | None, actor: str
) -> PaymentAttempt:
    """Watch a checkout that somebody else made at the link's provider.

    The provider is asked about it first. Its amount is compared when it was paid, as always.

    Args:
        merchant: whose the link is.
        name: the link's reference, code or public id.
        checkout_id: the provider's name for the checkout.
        order_id: its name for the order behind it, if it has one.
        actor: who gives it.

    Raises:
        NotFoundError: the merchant has no such link.
        InvalidInputError: the provider makes its checkouts for us alone, has no such one, or it
            belongs to another link already.
        ProviderUnreadableError: it did not answer.
        BusyError: so many wait for the provider that it was not asked.
        LinkNotPayableError: the link does not take a payment now.
        PaymentInFlightError: another attempt could still be paid.
    """
    checkout_id = text.one_line("checkout_id", checkout_id, _LONGEST)
    order_id = text.one_line("order_id", order_id, _LONGEST) if order_id else None
    link = links.get(merchant, name)
    provider = link.provider_account.provider
    if ADAPTERS[provider].CAPABILITIES.sends_notices:
        raise InvalidInputError("checkout_id", "this provider makes its checkouts for us alone")
    connection = accounts.connection(link.provider_account)
    step_outside()
    with waiting.room_or_refusal(provider):
        seen = connection.read(Handle("", checkout_id), timeout_s=settings.provider_timeout_s)
    if isinstance(seen, Unreadable):
        raise ProviderUnreadableError(f"the provider could not be asked: {seen.reason}")
    if isinstance(seen, Missing):
        raise InvalidInputError("checkout_id", "the provider has no such checkout")
    try:
        return _write(link.id, seen.observation, checkout_id, order_id, actor)
    except IntegrityError as error:
        raise InvalidInputError("checkout_id", "it belongs to another link already") from error


def _write(
    link_id: int, seen: Observation, checkout_id: str, order_id: str | None, actor: str
) -> PaymentAttempt:
    with transaction():
        link = lock(PaymentLink, PaymentLink.id == link_id)
        _check_unclaimed(link.provider_account.provider, checkout_id)
        session, _ = sessions.start(link, None)
        attempt = attempts.begin(link, session, actor=actor)
        # What it is called there stays its name: every later answer must carry it. Where the
        # service has not said it yet, the checkout's id alone tells that an answer is about it.
        attempt.request = {**attempt.request, "reference": seen.reference}
        creations.adopt(attempt, checkout_id, None, actor=actor)
        attempt.order_id = order_id or seen.order_id
        attempt.next_check_at = database_now()
    return attempt


def _check_unclaimed(provider: str, checkout_id: str) -> None:
    """Refuse a checkout that any link of any merchant watches: its money pays for one order.

    One key may be stored for several accounts, so the account's own index is not enough.
    """
    key = func.hashtext(f"given:{provider}:{checkout_id}")
    db.session.execute(select(func.pg_advisory_xact_lock(key)))
    claimed = (
        select(PaymentAttempt.id)
        .join(ProviderAccount, ProviderAccount.id == PaymentAttempt.provider_account_id)
        .where(ProviderAccount.provider == provider, PaymentAttempt.checkout_id == checkout_id)
    )
    if db.session.scalar(claimed.limit(1)) is not None:
        raise InvalidInputError("checkout_id", "it belongs to another link already")
