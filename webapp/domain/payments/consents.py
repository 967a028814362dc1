"""Consents: a merchant lets us act for their SumUp account, on SumUp's own pages."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import redis
import structlog
from cryptography.fernet import InvalidToken

from webapp.core import references
from webapp.core.errors import (
    AccountNotConnectedError,
    BusyError,
    ProviderRefusedError,
    ProviderUnreadableError,
)
from webapp.core.states import AccountState
from webapp.domain.payments import accounts, check_leases, credentials, waiting
from webapp.domain.transaction import database_now, step_outside, transaction
from webapp.domain.transitions import transition
from webapp.extensions import queue_redis, settings
from webapp.models import Merchant, ProviderAccount
from webapp.providers import http, probes, sumup_oauth
from webapp.providers.base import Access, HttpAnswer, HttpRequest, Unreadable
from webapp.providers.probes import Accepted, Rejected
from webapp.providers.sumup_oauth import Application, Dead, Membership, Tokens

logger = structlog.get_logger(__name__)

CALLBACK: Final = "/desk/account/sumup/callback"

# How long a merchant may take at SumUp, and then to choose an account, in seconds.
LASTS_S: Final = 600


@dataclass(frozen=True)
class Choice:
    """A consent that speaks for several accounts; `name` is what the choice is kept under."""

    name: str = field(repr=False)
    memberships: tuple[Membership, ...]


def is_offered() -> bool:
    """Whether SumUp knows this deployment, so that merchants can be asked for their consent."""
    return bool(settings.sumup_client_id and settings.sumup_client_secret.get_secret_value())


def application() -> Application:
    """Return what SumUp knows us by."""
    return Application(
        settings.sumup_client_id,
        settings.sumup_client_secret.get_secret_value(),
        f"{settings.base_url}{CALLBACK}",
        settings.sumup_url,
    )


def authorize_url(state: str) -> str:
    """Return where the merchant's browser is sent to agree.

    Raises:
        AccountNotConnectedError: SumUp does not know this deployment.
    """
    if not is_offered():
        raise AccountNotConnectedError("SumUp does not know this installation: enter an API key")
    return sumup_oauth.authorize_url(application(), state)


def accept(merchant: Merchant, code: str, *, actor: str) -> ProviderAccount | Choice:
    """Turn the code of a consent into a connected account; of several the merchant chooses one.

    Raises:
        ProviderRefusedError: the consent is worth nothing, or speaks for no account.
        ProviderUnreadableError: SumUp gave no answer that can be understood. A code works once:
            the merchant has to agree again.
        BusyError: the choice cannot be kept just now, or too many wait for SumUp.
    """
    with waiting.room_or_refusal("sumup"):
        return _accept(merchant, code, actor)


def _accept(merchant: Merchant, code: str, actor: str) -> ProviderAccount | Choice:
    step_outside()
    tokens = sumup_oauth.parse_token(_answer(sumup_oauth.build_token(application(), code)))
    if isinstance(tokens, Unreadable):
        raise _unreadable(tokens.reason)
    if isinstance(tokens, Dead):
        raise ProviderRefusedError("this consent was used, or is too old: begin anew")
    missing = {"payments"} - tokens.scopes
    if missing:
        raise ProviderRefusedError("SumUp does not let this installation take payments")
    reach = _access("", tokens)
    memberships = sumup_oauth.parse_memberships(_answer(sumup_oauth.build_memberships(reach)))
    if isinstance(memberships, Unreadable):
        raise _unreadable(memberships.reason)
    if not memberships:
        raise ProviderRefusedError("this SumUp user speaks for no merchant account")
    if len(memberships) > 1:
        return Choice(_keep(merchant, tokens, memberships), memberships)
    return _connect(merchant, memberships[0], tokens, actor=actor)


def choices(merchant: Merchant, name: str) -> tuple[Membership, ...]:
    """Return the accounts to choose from; none where the time for it is over."""
    kept = _kept(merchant, name)
    return tuple(Membership(*one) for one in kept["memberships"]) if kept else ()


def choose(merchant: Merchant, name: str, merchant_code: str, *, actor: str) -> ProviderAccount:
    """Connect the account that was chosen.

    Raises:
        ProviderRefusedError: the time for choosing is over, or it was none of the choices.
        ProviderUnreadableError: see `accept`.
        BusyError: too many wait for SumUp.
    """
    kept = _kept(merchant, name)
    by_code = {one.merchant_code: one for one in choices(merchant, name)}
    if kept is None or merchant_code not in by_code:
        raise ProviderRefusedError("there is nothing to choose from any more: begin anew")
    tokens = Tokens(**{**kept["tokens"], "scopes": frozenset()})
    with waiting.room_or_refusal("sumup"):
        account = _connect(merchant, by_code[merchant_code], tokens, actor=actor)
    _forget(name)
    return account


def _connect(
    merchant: Merchant, membership: Membership, tokens: Tokens, *, actor: str
) -> ProviderAccount:
    step_outside()
    reach = _access(membership.merchant_code, tokens)
    match probes.ask("sumup", reach, timeout_s=settings.provider_create_timeout_s):
        case Accepted() as facts:
            pass
        case Rejected(reason):
            raise ProviderRefusedError(f"SumUp does not let us act for this account: {reason}")
        case Unreadable(reason):
            raise _unreadable(reason)
    told = {"name": facts.name or membership.name}
    if facts.currency is not None:
        told["currency"] = facts.currency
    with transaction():
        known = accounts.of_provider(merchant, "sumup", membership.merchant_code)
        before = credentials.salvage(known.credentials) if known else {}
        account = accounts.connect(
            merchant,
            "sumup",
            membership.merchant_code,
            is_live=bool(facts.is_live),
            secrets=before
            | {"api_key": tokens.access_token, "refresh_token": tokens.refresh_token},
            options=told,
        )
        lasts = timedelta(seconds=tokens.expires_in_s)
        accounts.put_expiry(account, database_now() + lasts)
        if account.state is not AccountState.ACTIVE:
            transition(account, AccountState.ACTIVE, actor=actor)
        check_leases.wake(account.id)
    logger.info(
        "account_consented",
        account_id=account.id,
        provider="sumup",
        account=account.external_account,
        actor=actor,
    )
    return account


def _access(merchant_code: str, tokens: Tokens) -> Access:
    return Access(merchant_code, True, settings.sumup_url, {"api_key": tokens.access_token})


def _answer(request: HttpRequest) -> HttpAnswer:
    try:
        return http.send(request, timeout_s=settings.provider_create_timeout_s)
    except http.NoAnswerError as error:
        raise _unreadable(str(error)) from error


def _unreadable(reason: str) -> ProviderUnreadableError:
    return ProviderUnreadableError(f"SumUp cannot be asked just now ({reason})")


def _keep(merchant: Merchant, tokens: Tokens, memberships: tuple[Membership, ...]) -> str:
    """Keep a consent for as long as its choice may take: encrypted, and where it is forgotten."""
    name = references.token()
    kept = {
        "merchant_id": merchant.id,
        "tokens": {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_in_s": max(tokens.expires_in_s - LASTS_S, 1),
        },
        "memberships": [(one.merchant_code, one.name) for one in memberships],
    }
    try:
        queue_redis.set(_key(name), credentials.seal({"consent": json.dumps(kept)}), ex=LASTS_S)
    except redis.RedisError as error:
        raise BusyError("the consent cannot be kept") from error
    return name


def _kept(merchant: Merchant, name: str) -> dict[str, Any] | None:
    try:
        sealed = cast(
            "bytes | None", queue_redis.get(_key(name)) if references.is_token(name) else None
        )
        kept = json.loads(credentials.unseal(sealed)["consent"]) if sealed else None
    except (redis.RedisError, InvalidToken):
        return None
    return kept if kept and kept["merchant_id"] == merchant.id else None


def _forget(name: str) -> None:
    try:
        queue_redis.delete(_key(name))
    except redis.RedisError:
        logger.warning("consent_not_forgotten")  # it runs out by itself


def _key(name: str) -> str:
    return f"consent:{name}"
