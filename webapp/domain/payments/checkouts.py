"""Checkouts: what pressing "Pay" does, from the buyer's sitting to the provider's page."""

from dataclasses import dataclass

from webapp.core import text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.states import LinkState
from webapp.domain.messages import patterns
from webapp.domain.payments import accounts, attempts, creations, sessions, tokens
from webapp.domain.transaction import lock, step_outside, transaction
from webapp.extensions import settings
from webapp.models import PaymentLink
from webapp.providers.base import CheckoutRequest, Refused

ACTOR = "buyer"


@dataclass(frozen=True)
class Started:
    """A payment was started. `url` is None where the provider has not answered yet."""

    attempt_reference: str
    session_token: str
    url: str | None
    was_refused: bool


def start(code: str, *, token: str | None, buyer_email: str | None, client: str = "") -> Started:
    """Begin an attempt for a link, commit it, and only then ask the provider for a checkout.

    Args:
        code: the link's.
        token: from the buyer's cookie, if there is one.
        buyer_email: where the tickets go; needed where the link does not say it.
        client: the network address of the buyer's browser, where it is known. It is not kept.

    Raises:
        NotFoundError: there is no such link.
        InvalidInputError: the address is needed, and missing or wrong.
        LinkNotPayableError: the link does not take a payment now.
        PaymentInFlightError: a payment could be on its way already.
        AccountNotConnectedError: the merchant's account takes no payments.
    """
    with transaction() as after_commit:
        link = lock(PaymentLink, PaymentLink.code == code)
        if link.state is LinkState.DRAFT:
            raise NotFoundError("there is no such link")
        session, token = sessions.start(link, token)
        if link.buyer_email is None:
            if not buyer_email:
                raise InvalidInputError("email", "is needed: your tickets are sent there")
            session.buyer_email = text.email_address("email", buyer_email)
        attempt = attempts.begin(link, session, actor=ACTOR)
        reference, account_id = attempt.reference, attempt.provider_account_id
        request = CheckoutRequest.from_json(attempt.request)
        connection = accounts.connection(attempt.provider_account)
        after_commit(patterns.remember_origin, reference, client)
    step_outside()
    creation = tokens.create(
        account_id, connection, request, timeout_s=settings.provider_create_timeout_s
    )
    url = creations.record(reference, creation, actor=ACTOR)
    return Started(reference, token, url, was_refused=isinstance(creation, Refused))
