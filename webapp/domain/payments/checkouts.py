"""Checkouts: what pressing "Pay" does, from the buyer's sitting to the provider's page."""

from dataclasses import dataclass

from webapp.core import text
from webapp.core.errors import InvalidInputError, NotFoundError
from webapp.core.states import LinkState
from webapp.domain.messages import patterns
from webapp.domain.payments import accounts, attempts, creations, sessions, tokens, waiting
from webapp.domain.transaction import after_commit, lock, step_outside, transaction
from webapp.extensions import settings
from webapp.models import PaymentLink, PaymentSession
from webapp.providers.base import CheckoutRequest, Refused
from webapp.providers.connection import Connection

ACTOR = "buyer"


@dataclass(frozen=True)
class Started:
    """A payment was started. `url` is None where the provider has not answered yet."""

    attempt_reference: str
    session_token: str
    url: str | None
    was_refused: bool


@dataclass(frozen=True)
class Begun:
    """An attempt that is committed next, and whose provider is to be asked after that."""

    attempt_reference: str
    account_id: int
    provider: str
    connection: Connection
    request: CheckoutRequest


@dataclass(frozen=True)
class Asked:
    """What the provider said: where the buyer pays, if it said so, and whether it refused."""

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
        RetriesExhaustedError: this browser has used its attempts, and must wait.
        AccountNotConnectedError: the merchant's account takes no payments.
    """
    with transaction():
        link = lock(PaymentLink, PaymentLink.code == code)
        if link.state is LinkState.DRAFT:
            raise NotFoundError("there is no such link")
        session, token = sessions.start(link, token)
        begun = begin(link, session, buyer_email=buyer_email, client=client, actor=ACTOR)
    asked = ask(begun, actor=ACTOR)
    return Started(begun.attempt_reference, token, asked.url, was_refused=asked.was_refused)


def begin(
    link: PaymentLink,
    session: PaymentSession,
    *,
    buyer_email: str | None,
    client: str,
    actor: str,
) -> Begun:
    """Begin an attempt of a sitting, in this transaction; `ask` follows its commit.

    The caller holds the link's lock and the session's. See `start` for what is raised.
    """
    if link.buyer_email is None:
        note_email(session, buyer_email or session.buyer_email)
    attempt = attempts.begin(link, session, actor=actor)
    after_commit(patterns.remember_origin, attempt.reference, client)
    account = attempt.provider_account
    return Begun(
        attempt.reference,
        account.id,
        account.provider,
        accounts.connection(account),
        CheckoutRequest.from_json(attempt.request),
    )


def note_email(session: PaymentSession, buyer_email: str | None) -> None:
    """Note where the buyer of a link that does not say it wants the tickets.

    Raises:
        InvalidInputError: it is missing or wrong.
    """
    if not buyer_email:
        raise InvalidInputError("email", "is needed")
    session.buyer_email = text.email_address("email", buyer_email)


def ask(begun: Begun, *, actor: str) -> Asked:
    """Ask the provider for the checkout, outside every transaction, and write down what it says.

    Where too many wait for that provider already it is not asked here: a worker does it.
    """
    reference = begun.attempt_reference
    step_outside()
    with waiting.room(begun.provider) as may:
        if not may:
            creations.leave_to_a_worker(reference)
            return Asked(None, was_refused=False)
        creation = tokens.create(
            begun.account_id,
            begun.connection,
            begun.request,
            timeout_s=settings.provider_create_timeout_s,
        )
    url = creations.record(reference, creation, actor=actor)
    return Asked(url, was_refused=isinstance(creation, Refused))
