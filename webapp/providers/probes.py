"""Is this key taken? One harmless question for each provider, and what its answer tells besides.

Nothing is made and nothing is changed there. Where a provider has a page about the account, that
is read; otherwise a checkout is asked for that never was, and "no such checkout" is the good news.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from webapp.providers import billing, http, parsing, stripe_wire, sumup_oauth, sumup_wire
from webapp.providers.base import Access, Handle, HttpAnswer, HttpRequest, Unreadable
from webapp.providers.parsing import NotUnderstoodError
from webapp.providers.registry import ADAPTERS
from webapp.providers.sumup_oauth import MerchantFacts

# Fit for every provider, and nobody's: our own references begin otherwise.
_NEVER_MADE: Final = Handle("tillgate-probe-never-made", None)


@dataclass(frozen=True)
class Accepted:
    """The key is taken. What the provider does not tell of its account is None.

    `currency` is set where the account takes only this one.
    """

    account: str | None = None
    name: str | None = None
    is_live: bool | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Rejected:
    """The provider does not take the key, or has no such account for it."""

    reason: str


Probe = Accepted | Rejected | Unreadable

NOT_ACCEPTED: Final = Rejected("the key is not accepted")


def ask(provider: str, access: Access, *, timeout_s: float) -> Probe:
    """Ask whether the key of an account is taken. Nothing here raises for what a provider does."""
    try:
        answer = http.send(build(provider, access), timeout_s=timeout_s)
    except http.NoAnswerError as error:
        return Unreadable(str(error), is_silent=True)
    return parse(provider, answer)


def build(provider: str, access: Access) -> HttpRequest:
    """Write the harmless question."""
    return _PROBES[provider][0](access)


def parse(provider: str, answer: HttpAnswer) -> Probe:
    """Say what the answer to it means."""
    if answer.status == 401:
        return NOT_ACCEPTED
    if answer.status == 403:
        return Rejected("the key is not allowed to do this")
    try:
        return _PROBES[provider][1](answer)
    except NotUnderstoodError as error:
        return Unreadable(str(error), parsing.retry_after_s(answer))


def _ask_for_nothing(provider: str) -> Callable[[Access], HttpRequest]:
    return lambda access: ADAPTERS[provider].build_read(access, _NEVER_MADE)


def _found_nothing(provider: str) -> Callable[[HttpAnswer], Probe]:
    def parse_nothing(answer: HttpAnswer) -> Probe:
        read = ADAPTERS[provider].parse_read(answer)
        return read if isinstance(read, Unreadable) else Accepted()

    return parse_nothing


def _build_billing(access: Access) -> HttpRequest:
    # Without an id nothing would be read: the service finds checkouts by their ids alone.
    return billing.build_read(access, Handle(_NEVER_MADE.reference, _NEVER_MADE.reference))


def _parse_sumup(answer: HttpAnswer) -> Probe:
    if answer.status == 404:
        return Rejected("this key has no merchant account with this code")
    facts = sumup_oauth.parse_merchant(answer)
    if not isinstance(facts, MerchantFacts):
        return facts
    if facts.currency not in ADAPTERS["sumup"].CAPABILITIES.currencies:
        return Rejected(f"the account takes {facts.currency}, which no link here can ask for")
    body = sumup_wire.document(answer)
    name = _named(body, "business_profile", "name") or _named(body, "company", "name")
    return Accepted(facts.merchant_code, name, facts.is_live, facts.currency)


def _build_stripe(access: Access) -> HttpRequest:
    return stripe_wire.get(access, "/v1/account")


def _parse_stripe(answer: HttpAnswer) -> Probe:
    if answer.status != 200:
        return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
    body = stripe_wire.body(answer, "account")
    profile = body.get("settings")
    name = _named(profile, "dashboard", "display_name") if isinstance(profile, dict) else None
    # Whether it is real, the key's prefix says: an account has both modes.
    return Accepted(parsing.name(body, "id"), name or _named(body, "business_profile", "name"))


def _named(body: Mapping[str, Any], part: str, key: str) -> str | None:
    found = body.get(part)
    said = found.get(key) if isinstance(found, dict) else None
    return parsing.line(said, without=sumup_wire.SECRET)


_PROBES: Final[
    Mapping[str, tuple[Callable[[Access], HttpRequest], Callable[[HttpAnswer], Probe]]]
] = MappingProxyType(
    {
        "sandbox": (_ask_for_nothing("sandbox"), _found_nothing("sandbox")),
        "sumup": (sumup_oauth.build_merchant, _parse_sumup),
        "paystack": (_ask_for_nothing("paystack"), _found_nothing("paystack")),
        "stripe": (_build_stripe, _parse_stripe),
        "billing": (_build_billing, _found_nothing("billing")),
    }
)
