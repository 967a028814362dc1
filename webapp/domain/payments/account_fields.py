"""What each provider wants to know of a merchant's account: asked for here, by desk and command."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from webapp.core.errors import InvalidInputError


class Kind(Enum):
    """Where an answer is kept: as the account's name, encrypted, or as an option in clear."""

    ACCOUNT = "account"
    SECRET = "secret"  # noqa: S105  # a kind and no secret
    OPTION = "option"


@dataclass(frozen=True)
class Field:
    """One question about an account. The hint says where the answer is found."""

    name: str
    label: str
    hint: str
    kind: Kind
    is_needed: bool = True


@dataclass(frozen=True)
class Provider:
    """What a provider is called, and what it wants to know. `hooks`: where our address goes."""

    name: str
    fields: tuple[Field, ...]
    hooks: str = ""


_API_KEY: Final = "api_key"

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {
        "sumup": Provider(
            "SumUp",
            (
                Field(
                    "account",
                    "Merchant code",
                    "In SumUp's dashboard beside the name of your business, such as MH4H92C7.",
                    Kind.ACCOUNT,
                ),
                Field(
                    _API_KEY,
                    "Secret API key",
                    "me.sumup.com, Settings, For developers, API keys. It begins with sup_sk_.",
                    Kind.SECRET,
                ),
                Field(
                    "event_secret",
                    "Secret of signed events",
                    "Only where SumUp sends you signed events as well.",
                    Kind.SECRET,
                    is_needed=False,
                ),
            ),
            "Only where SumUp sends you signed events: they go there. Every checkout names an"
            " address of its own.",
        ),
        "paystack": Provider(
            "Paystack",
            (
                Field(
                    _API_KEY,
                    "Secret key",
                    "Paystack's dashboard, Settings, API Keys & Webhooks. It begins with sk_live_"
                    " or sk_test_.",
                    Kind.SECRET,
                ),
                Field(
                    "account",
                    "Name of the account",
                    "Only to tell several accounts apart.",
                    Kind.ACCOUNT,
                    is_needed=False,
                ),
            ),
            "Enter it as the Webhook URL, in Settings, API Keys & Webhooks.",
        ),
        "stripe": Provider(
            "Stripe",
            (
                Field(
                    _API_KEY,
                    "Secret key",
                    "Stripe's dashboard, Developers, API keys. It begins with sk_ or rk_. A"
                    " restricted one must be allowed to read the account, and to write checkout"
                    " sessions and refunds.",
                    Kind.SECRET,
                ),
                Field(
                    "notice_secret",
                    "Signing secret of the webhook",
                    "Stripe's dashboard, Developers, Webhooks, at the endpoint for the address that"
                    " Account shows once this is connected; enter it then, under Replace. It begins"
                    " with whsec_.",
                    Kind.SECRET,
                    is_needed=False,
                ),
                Field(
                    "connected_account",
                    "Connected account",
                    "Only for platforms that act for another account: acct_…",
                    Kind.OPTION,
                    is_needed=False,
                ),
            ),
            "Add an endpoint with it in Developers, Webhooks, for the events of checkout sessions"
            " and refunds; then enter its signing secret here.",
        ),
        "billing": Provider(
            "Billing service",
            (
                Field(
                    _API_KEY,
                    "Key",
                    "The x-api-key of the service.",
                    Kind.SECRET,
                    is_needed=False,
                ),
                Field(
                    "account",
                    "Name of the account",
                    "Only to tell several accounts apart.",
                    Kind.ACCOUNT,
                    is_needed=False,
                ),
                Field(
                    "create_path",
                    "Path that makes a checkout",
                    "Empty: /paysession. Only with a key of your own.",
                    Kind.OPTION,
                    is_needed=False,
                ),
                Field(
                    "cancel_path",
                    "Path that cancels a checkout",
                    "Empty: /paysession/{checkout_id}. Only with a key of your own.",
                    Kind.OPTION,
                    is_needed=False,
                ),
            ),
        ),
    }
)

_SHAPES: Final = {
    # One printable word: it travels in a header.
    Kind.SECRET: (re.compile(r"[\x21-\x7e]{1,500}"), "is no key: one word without spaces"),
    Kind.ACCOUNT: (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
        "has letters, digits, hyphens, dots and underscores only, at most 64",
    ),
    Kind.OPTION: (re.compile(r"[A-Za-z0-9/_.{}-]{1,200}"), "has letters, digits and / _ . - only"),
}

_MODE: Final = {
    "paystack": (re.compile(r"sk_(live|test)_.+"), "must begin with sk_live_ or sk_test_"),
    "stripe": (
        re.compile(r"[sr]k_(live|test)_.+"),
        "must begin with sk_live_, sk_test_, rk_live_ or rk_test_",
    ),
}


@dataclass(frozen=True)
class Given:
    """What was entered, looked over. What only the provider can tell is None.

    `is_named`: somebody said which account is meant; else it is called as such accounts are here.
    """

    provider: str
    account: str | None
    is_named: bool
    is_live: bool | None
    secrets: Mapping[str, str]
    options: Mapping[str, str]

    def __repr__(self) -> str:
        """Name the provider, and no secret."""
        return f"Given({self.provider!r}, {self.account!r})"


def of(provider: str) -> Provider:
    """Return what a provider wants to know.

    Raises:
        InvalidInputError: nothing can be entered for such a provider.
    """
    if provider not in PROVIDERS:
        raise InvalidInputError("provider", f"must be one of {', '.join(PROVIDERS)}")
    return PROVIDERS[provider]


def read(provider: str, typed: Mapping[str, str | None], *, is_new: bool = True) -> Given:
    """Look over what was entered for an account.

    Args:
        provider: which one's.
        typed: by the names of its fields; what is empty or not there was not entered.
        is_new: everything needed has to be there; else what is missing stays as it was.

    Raises:
        InvalidInputError: one of them is missing, or cannot be right. What was typed is not told.
    """
    found: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
    for field in of(provider).fields:
        value = (typed.get(field.name) or "").strip()
        if value:
            shape, words = _SHAPES[field.kind]
            if not shape.fullmatch(value):
                raise InvalidInputError(field.name, words)
            found[field.kind][field.name] = value
        elif field.is_needed and is_new:
            raise InvalidInputError(field.name, "is needed")
    options, account = found[Kind.OPTION], found[Kind.ACCOUNT].get("account")
    _check_options(options)
    is_live = _is_live(provider, found[Kind.SECRET].get(_API_KEY))
    account = account or options.get("connected_account")
    is_named = account is not None
    if account is None:
        account = _ordinary(provider, is_live=is_live)
    return Given(provider, account, is_named, is_live, found[Kind.SECRET], options)


def _ordinary(provider: str, *, is_live: bool | None) -> str | None:
    """Return what an account is called whose provider has no name for it."""
    if provider == "billing":
        return "billing"
    if provider == "paystack" and is_live is not None:
        return "paystack-live" if is_live else "paystack-test"
    return None


def _is_live(provider: str, key: str | None) -> bool | None:
    """Return what the key says of itself: pretend money or not."""
    if provider == "billing":
        return True
    if provider not in _MODE or key is None:
        return None
    shape, words = _MODE[provider]
    mode = shape.fullmatch(key)
    if mode is None:
        raise InvalidInputError(_API_KEY, words)
    return mode[1] == "live"


def _check_options(options: Mapping[str, str]) -> None:
    for name in ("create_path", "cancel_path"):
        if name in options and not options[name].startswith("/"):
            raise InvalidInputError(name, "must begin with /")
        if {".", ".."} & set(options.get(name, "").split("/")):
            raise InvalidInputError(name, "must not lead out of the service: no /../ and no /./")
    if "{checkout_id}" not in options.get("cancel_path", "{checkout_id}"):
        raise InvalidInputError("cancel_path", "must contain {checkout_id}")
