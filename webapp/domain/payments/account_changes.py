"""Accounts connected, their keys replaced, tested and disconnected. A wrong key changes nothing."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import structlog
from cryptography.fernet import InvalidToken

from webapp.core.errors import (
    AccountNotConnectedError,
    InvalidInputError,
    ProviderUnreadableError,
)
from webapp.core.states import AccountState
from webapp.domain import paced
from webapp.domain.payments import account_fields, accounts, check_leases, credentials, tokens
from webapp.domain.payments.account_fields import Given
from webapp.domain.payments.waiting import room_or_refusal
from webapp.domain.transaction import database_now, lock, lock_some, step_outside, transaction
from webapp.domain.transitions import transition
from webapp.extensions import settings
from webapp.models import Merchant, ProviderAccount
from webapp.providers import probes
from webapp.providers.base import Access, Unreadable
from webapp.providers.probes import Accepted, Probe, Rejected

logger = structlog.get_logger(__name__)

ACTOR = "sweep:tokens"

_BATCH = 50
_MOST_TESTS = 10


def add(
    merchant: Merchant,
    provider: str,
    typed: Mapping[str, str | None],
    *,
    is_checked: bool = True,
    may_borrow: bool = False,
    actor: str,
) -> ProviderAccount:
    """Connect an account, after one harmless read with its key; a known one gets the new key.

    Args:
        merchant: whose it is.
        provider: one of `account_fields.PROVIDERS`.
        typed: what was entered, by the names of the provider's fields.
        is_checked: without the read the key is stored as it is, right or wrong.
        may_borrow: whether this installation's own key will do, where the merchant has none.
        actor: who does it, for the log.

    Raises:
        InvalidInputError: something is missing, or the provider does not take the key, or it would
            take the place of another account's.
        ProviderUnreadableError, BusyError: nobody knows whether it would. Nothing is stored.
    """
    given = account_fields.read(provider, typed)
    if provider == "billing" and not (may_borrow or given.secrets):
        # The operator's account is the operator's to give away.
        raise InvalidInputError("api_key", "is needed")
    told = _told(_access(given), provider) if is_checked else Accepted()
    name = told.account or given.account
    if name is None:
        raise InvalidInputError("account", "is needed where nothing is checked")
    if given.account not in {None, name}:
        raise InvalidInputError("account", f"is not the key's: that is {name}")
    with transaction():
        known = accounts.of_provider(merchant, provider, name)
        kept = _kept(known, given) if known else {}
        secrets = _joined(provider, kept, given.secrets)
        if not given.is_named and told.account is None:
            _check_same(name, kept, secrets)
        _check_paths(secrets, given.options)
        modes = (given.is_live, told.is_live, known.is_live if known else True)
        account = accounts.connect(
            merchant,
            provider,
            name,
            is_live=next(said for said in modes if said is not None),
            secrets=secrets,
            options={**(_known_facts(known) if known else {}), **given.options, **_facts(told)},
        )
        if account.state is not AccountState.ACTIVE:
            transition(account, AccountState.ACTIVE, actor=actor)
        check_leases.wake(account.id)
    _log("account_connected", account, actor, is_checked=is_checked)
    return account


def replace(
    account: ProviderAccount,
    typed: Mapping[str, str | None],
    *,
    is_checked: bool = True,
    actor: str,
) -> None:
    """Give an account other keys; what is not entered stays as it was.

    Raises:
        InvalidInputError: nothing was entered, or the provider does not take the key, or it is
            another account's or of the other mode.
        ProviderUnreadableError, BusyError: nobody knows whether it would. Nothing is stored.
    """
    given = account_fields.read(account.provider, typed, is_new=False)
    if not given.secrets and not given.options:
        raise InvalidInputError("api_key", "is needed: nothing was entered")
    if given.options.get("connected_account") not in {None, account.external_account}:
        raise InvalidInputError("connected_account", "is another account: connect it by itself")
    accounts.check_mode(account, is_live=given.is_live)
    _check_paths(_after(account, given), {**account.options, **given.options})
    if is_checked:
        told = _told(_access_after(account, given), account.provider)
        if told.account not in {None, account.external_account}:
            raise InvalidInputError("api_key", f"is another account's: that of {told.account}")
        accounts.check_mode(account, is_live=told.is_live)
    with transaction():
        locked = lock(ProviderAccount, ProviderAccount.id == account.id)
        if given.secrets:
            accounts.put_secrets(locked, _after(locked, given))
        locked.options = {**locked.options, **given.options}
        check_leases.wake(locked.id)
    _log("account_replaced", account, actor, is_checked=is_checked)


class Readiness(Enum):
    """Whether there is a key to ask the provider with."""

    READY = "ready"
    NO_KEY = "no key"
    KEY_LOST = "key lost"  # what is stored was encrypted with a key that is not there any more


def readiness(account: ProviderAccount) -> Readiness:
    """Say whether the provider can be asked with what is stored; it is not asked."""
    try:
        accounts.connection(account)
    except AccountNotConnectedError:
        return Readiness.NO_KEY
    except InvalidToken:
        return Readiness.KEY_LOST
    return Readiness.READY


def test(account: ProviderAccount) -> Probe:
    """Ask the provider one harmless question with the account's key.

    Nothing is changed, but that the token of a consent is renewed soon where it is not taken.

    Raises:
        TooOftenError, BusyError: it was asked too often within a minute, or too many wait for it.
    """
    paced.count({f"paced:test-account:{account.id}": _MOST_TESTS}, within_s=60)
    try:
        reach = accounts.connection(account).access
    except AccountNotConnectedError as error:
        return Rejected(str(error))
    except InvalidToken:
        return Rejected("the key cannot be read here any more: enter it anew")
    probe = _ask(account.provider, reach)
    if isinstance(probe, Accepted) and probe.account not in {None, account.external_account}:
        return Rejected(f"the key is for another account: {probe.account}")
    if probe == probes.NOT_ACCEPTED and "refresh_token" in reach.secrets:
        tokens.note_unauthorised(account.id)
        if account.consent_lost_at is None:
            return Unreadable("the leave that SumUp gave us is over, and is being renewed")
        return Rejected("SumUp wants the consent anew")
    return probe


def disconnect(account: ProviderAccount, *, actor: str) -> None:
    """Take no new payments with it. What was begun is read with it until nobody watches it."""
    _move(account, AccountState.DISCONNECTING, AccountState.ACTIVE, actor=actor)


def choose(account: ProviderAccount, *, actor: str) -> None:
    """Let the merchant's next links be paid to this account; those that were made stay as they are.

    Raises:
        AccountNotConnectedError: it takes no new payments.
    """
    with transaction():
        locked = lock(ProviderAccount, ProviderAccount.id == account.id)
        if locked.state is not AccountState.ACTIVE:
            raise AccountNotConnectedError("this account takes no new payments")
        locked.chosen_at = database_now()
    _log("account_chosen", account, actor)


def reconnect(account: ProviderAccount, *, actor: str) -> None:
    """Take payments with it again, with the keys that are stored."""
    _move(
        account,
        AccountState.ACTIVE,
        AccountState.DISCONNECTING,
        AccountState.DISCONNECTED,
        actor=actor,
    )


def end_disconnected() -> int:
    """End the accounts that are being disconnected and that nothing is read with any more."""
    with transaction():
        ended = lock_some(
            ProviderAccount,
            ProviderAccount.state == AccountState.DISCONNECTING,
            ~accounts.is_watched(),
            by=ProviderAccount.id,
            limit=_BATCH,
        )
        for account in ended:
            transition(account, AccountState.DISCONNECTED, actor=ACTOR)
    for account in ended:
        _log("account_disconnected", account, ACTOR)
    return len(ended)


def _move(account: ProviderAccount, to: AccountState, *sources: AccountState, actor: str) -> None:
    with transaction():
        locked = lock(ProviderAccount, ProviderAccount.id == account.id)
        if locked.state not in sources:
            return
        transition(locked, to, actor=actor)
    told = "account_reconnected" if to is AccountState.ACTIVE else "account_disconnecting"
    _log(told, account, actor)


def _told(reach: Access, provider: str) -> Accepted:
    if not reach.secrets.get("api_key"):
        return Accepted()  # not configured: there is nothing to ask with
    match _ask(provider, reach):
        case Accepted() as told:
            return told
        case Rejected(reason):
            raise InvalidInputError("api_key", f"was refused by {_name(provider)}: {reason}")
        case Unreadable(reason):
            raise ProviderUnreadableError(
                f"{_name(provider)} cannot be asked just now ({reason}): nothing was stored"
            )


def _ask(provider: str, reach: Access) -> Probe:
    step_outside()
    with room_or_refusal(provider):
        return probes.ask(provider, reach, timeout_s=settings.provider_timeout_s)


def _access(given: Given) -> Access:
    return accounts.access(
        given.provider,
        given.account or "",
        is_live=bool(given.is_live),
        secrets=given.secrets,
        options=given.options,
    )


def _access_after(account: ProviderAccount, given: Given) -> Access:
    """Return the way in as it would be with what was entered."""
    return accounts.access(
        account.provider,
        account.external_account,
        is_live=account.is_live,
        secrets=_after(account, given),
        options={**account.options, **given.options},
    )


def _after(account: ProviderAccount, given: Given) -> dict[str, str]:
    """Return an account's secrets as they would be with what was entered."""
    return _joined(account.provider, _kept(account, given), given.secrets)


def _kept(account: ProviderAccount, given: Given) -> dict[str, str]:
    """Return the secrets that are stored; none where they are lost and a new key takes their place.

    Raises:
        InvalidInputError: they cannot be read now, and there is no new key. What opens them may
            come back, so they are not written over.
    """
    try:
        return credentials.unseal(account.credentials)
    except InvalidToken:
        if "api_key" not in given.secrets:
            raise InvalidInputError(
                "api_key", "is needed: the stored one cannot be read any more"
            ) from None
        return {}


def _check_same(name: str, kept: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Refuse a second account that nobody named: what was paid at the first is read with its key.

    Raises:
        InvalidInputError: an account of that name has another key.
    """
    if kept.get("api_key") not in {None, secrets.get("api_key")}:
        raise InvalidInputError(
            "account", f"is needed: {name} is connected with another key. Replace it there, or"
            " name this account otherwise",
        )  # fmt: skip


def _check_paths(secrets: Mapping[str, str], options: Mapping[str, str]) -> None:
    """Refuse to use the key of this installation anywhere but at its billing service's own paths.

    Raises:
        InvalidInputError: other paths were entered, and no key.
    """
    if not secrets.get("api_key") and {"create_path", "cancel_path"} & options.keys():
        raise InvalidInputError("api_key", "is needed where a path is entered")


def _joined(provider: str, old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets with what is new among them; a new key ends a consent."""
    joined = {**old, **new}
    if "api_key" in new:
        joined.pop("refresh_token", None)
        if provider == "paystack" and old.get("api_key") not in {None, new["api_key"]}:
            # Notices that were signed with the old one are on their way for up to three days.
            joined["previous_api_key"] = old["api_key"]
    return joined


def _facts(told: Accepted) -> dict[str, str]:
    """Return what the provider says of the account and pages show."""
    facts = {"name": told.name, "currency": told.currency}
    return {key: value for key, value in facts.items() if value is not None}


def _known_facts(account: ProviderAccount) -> dict[str, str]:
    """Return what the provider said of the account earlier: unasked, it has not taken it back."""
    return {key: account.options[key] for key in ("name", "currency") if key in account.options}


def _name(provider: str) -> str:
    return account_fields.PROVIDERS[provider].name


def _log(told: str, account: ProviderAccount, actor: str, **more: Any) -> None:  # noqa: ANN401
    logger.info(
        told,
        account_id=account.id,
        provider=account.provider,
        account=account.external_account,
        actor=actor,
        **more,
    )
