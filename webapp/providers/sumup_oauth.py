"""SumUp's OAuth: how an organiser lets us act for their account, and how that stays alive.

Pure functions like an adapter's. An access token lives about an hour and is used as `api_key` of
an `Access`. A refresh may bring a new refresh token and end the old one, so that two at once, or
an answer that is not written down, can lose the account: the caller refreshes under a lock.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from webapp.providers import parsing, sumup_wire
from webapp.providers.base import Access, HttpAnswer, HttpRequest, Unreadable
from webapp.providers.parsing import NotUnderstoodError

# `payments` is given only to applications that SumUp has looked at.
SCOPES: Final = ("payments", "transactions.history", "user.profile_readonly")

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_LONGEST_LIFE_S: Final = 365 * 86_400
_MOST_MEMBERSHIPS: Final = 25  # of one page, and SumUp's own limit


@dataclass(frozen=True)
class Application:
    """What SumUp knows us by. `redirect_uri` is spelled exactly as it was registered."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    base_url: str


@dataclass(frozen=True)
class Tokens:
    """Leave to act for an organiser: for `expires_in_s` seconds, and anew by refreshing."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    scopes: frozenset[str]


@dataclass(frozen=True)
class Dead:
    """The code or the refresh token is worth nothing any more: only the organiser can help."""

    reason: str


TokenAnswer = Tokens | Dead | Unreadable


@dataclass(frozen=True)
class Membership:
    """An account for which the organiser may speak."""

    merchant_code: str
    name: str


@dataclass(frozen=True)
class MerchantFacts:
    """What only the account itself tells: whether it is real, and the one currency it takes.

    That may be one that we do not know.
    """

    merchant_code: str
    is_live: bool
    currency: str


def authorize_url(application: Application, state: str) -> str:
    """Return where the organiser's browser is sent to agree; `state` comes back with the answer."""
    query = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": application.redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
    }
    return f"{application.base_url}/authorize?{urlencode(query)}"


def build_token(application: Application, code: str) -> HttpRequest:
    """Write the request that turns the code of a consent into tokens; it works once."""
    grant = {"code": code, "redirect_uri": application.redirect_uri}
    return _grant(application, "authorization_code", grant)


def parse_token(answer: HttpAnswer) -> TokenAnswer:
    """Say what a consent brought."""
    return _tokens(answer, kept=None)


def build_refresh(application: Application, refresh_token: str) -> HttpRequest:
    """Write the request for a new access token."""
    return _grant(application, "refresh_token", {"refresh_token": refresh_token})


def parse_refresh(answer: HttpAnswer, refresh_token: str) -> TokenAnswer:
    """Say what a refresh brought; the token that was sent is kept where no new one came."""
    return _tokens(answer, kept=refresh_token)


def build_memberships(access: Access) -> HttpRequest:
    """Write the request that asks whom a fresh access token speaks for; no account is known yet."""
    query = {"resource.type": "merchant", "status": "accepted", "limit": _MOST_MEMBERSHIPS}
    return sumup_wire.request(access, "GET", f"/v0.1/memberships?{urlencode(query)}")


def parse_memberships(answer: HttpAnswer) -> tuple[Membership, ...] | Unreadable:
    """Return the merchant accounts that were accepted, whatever else is listed."""
    if answer.status != 200:
        return _unreadable(answer)
    try:
        items = sumup_wire.listed(sumup_wire.document(answer), "items")
        return tuple(_membership(item) for item in items if _is_accepted_merchant(item))
    except NotUnderstoodError as error:
        return Unreadable(str(error))


def build_merchant(access: Access) -> HttpRequest:
    """Write the request that reads the account itself."""
    return sumup_wire.request(access, "GET", f"/v1/merchants/{quote(access.account, safe='')}")


def parse_merchant(answer: HttpAnswer) -> MerchantFacts | Unreadable:
    """Translate what the account says of itself; it is real unless it is called a sandbox."""
    if answer.status != 200:
        return _unreadable(answer)
    try:
        return _merchant(sumup_wire.document(answer))
    except NotUnderstoodError as error:
        return Unreadable(str(error))


def _grant(application: Application, kind: str, words: dict[str, str]) -> HttpRequest:
    form = {
        "grant_type": kind,
        **words,
        "client_id": application.client_id,
        "client_secret": application.client_secret,
    }
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return HttpRequest("POST", f"{application.base_url}/token", headers, urlencode(form).encode())


def _tokens(answer: HttpAnswer, *, kept: str | None) -> TokenAnswer:
    try:
        body = sumup_wire.document(answer)
        if answer.status == 200:
            return _read_tokens(body, kept)
        if answer.status in {400, 401} and sumup_wire.code(body) == "invalid_grant":
            return Dead(sumup_wire.remark(body) or "invalid_grant")
    except NotUnderstoodError as error:
        return Unreadable(str(error), parsing.retry_after_s(answer))
    return _unreadable(answer)


def _read_tokens(body: dict[str, Any], kept: str | None) -> Tokens:
    lasts_s, scopes = body.get("expires_in"), body.get("scope") or ""
    if type(lasts_s) is not int or not 0 < lasts_s <= _LONGEST_LIFE_S:
        raise NotUnderstoodError("expires_in is not understood")
    if not isinstance(scopes, str) or parsing.name(body, "token_type").lower() != "bearer":
        raise NotUnderstoodError("scope or token_type is not understood")
    unchanged = kept if body.get("refresh_token") is None else None
    return Tokens(
        access_token=_token(body, "access_token"),
        refresh_token=unchanged or _token(body, "refresh_token"),
        expires_in_s=lasts_s,
        scopes=frozenset(scopes.split()),
    )


def _token(body: dict[str, Any], key: str) -> str:
    token = body.get(key)
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise NotUnderstoodError(f"{key} is not understood")
    return token


def _is_accepted_merchant(item: dict[str, Any]) -> bool:
    resource = item.get("resource")
    kind = resource.get("type") if isinstance(resource, dict) else None
    return kind == "merchant" and item.get("status") == "accepted"


def _membership(item: dict[str, Any]) -> Membership:
    code = parsing.name(item["resource"], "id")
    name = parsing.line(item["resource"].get("name"), without=sumup_wire.SECRET)
    return Membership(code, name or code)


def _merchant(body: dict[str, Any]) -> MerchantFacts:
    is_sandbox, currency = body.get("sandbox", False), parsing.name(body, "default_currency")
    if not isinstance(is_sandbox, bool) or _CURRENCY.fullmatch(currency) is None:
        raise NotUnderstoodError("sandbox or default_currency is not understood")
    return MerchantFacts(parsing.name(body, "merchant_code"), not is_sandbox, currency)


def _unreadable(answer: HttpAnswer) -> Unreadable:
    if answer.status in {401, 403}:
        return Unreadable(sumup_wire.unauthorised(answer))
    return Unreadable(f"status {answer.status}", parsing.retry_after_s(answer))
