"""An organiser connects SumUp by OAuth: consent, tokens, their renewal, and whose they are."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.shops import TIMEOUT_S, Shop, sumup_shop
from tests.fakes.sumup import FakeSumUp
from tests.providers.answers import answer
from tests.sandbox.merchant import look, press
from webapp.core import clock
from webapp.providers import http, sumup, sumup_oauth
from webapp.providers.base import Access, Created, Refused, Unreadable
from webapp.providers.connection import Connection
from webapp.providers.sumup_oauth import (
    Application,
    Dead,
    Membership,
    MerchantFacts,
    TokenAnswer,
    Tokens,
)

APP = Application("cc_1", "cc_sk_2", "https://shop.test/connected?a=1&b=2", "http://sumup.test")
GRANTED: dict[str, Any] = {
    "access_token": "at-1",
    "token_type": "Bearer",
    "expires_in": 3599,
    "refresh_token": "rt-2",
    "scope": "payments transactions.history",
}
TOKENS = Tokens("at-1", "rt-2", 3599, frozenset({"payments", "transactions.history"}))


def test_the_organiser_is_sent_to_agree() -> None:
    address = urlsplit(sumup_oauth.authorize_url(APP, "s t&te"))
    assert (address.netloc, address.path) == ("sumup.test", "/authorize")
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["cc_1"],
        "redirect_uri": [APP.redirect_uri],
        "scope": ["payments transactions.history user.profile_readonly"],
        "state": ["s t&te"],
    }


def test_a_code_and_a_refresh_token_are_sent_in_the_body_and_nowhere_else() -> None:
    code = sumup_oauth.build_token(APP, "c&1")
    refresh = sumup_oauth.build_refresh(APP, "rt&1")
    known = {"client_id": ["cc_1"], "client_secret": ["cc_sk_2"]}
    assert parse_qs((code.body or b"").decode()) == known | {
        "grant_type": ["authorization_code"],
        "code": ["c&1"],
        "redirect_uri": [APP.redirect_uri],
    }
    assert parse_qs((refresh.body or b"").decode()) == known | {
        "grant_type": ["refresh_token"],
        "refresh_token": ["rt&1"],
    }
    for request in (code, refresh):
        assert (request.method, request.url) == ("POST", "http://sumup.test/token")
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_secrets_stay_out_of_reprs() -> None:
    told = repr((APP, TOKENS, sumup_oauth.build_refresh(APP, "rt&1")))
    assert not any(secret in told for secret in ("cc_sk_2", "at-1", "rt-2", "rt%261"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, TOKENS),
        ({"token_type": "bearer", "colour": "blue"}, TOKENS),
        ({"scope": None}, Tokens("at-1", "rt-2", 3599, frozenset())),
        ({"refresh_token": None}, Tokens("at-1", "rt-1", 3599, TOKENS.scopes)),
        ({"refresh_token": ""}, Unreadable("refresh_token is not understood")),
        ({"refresh_token": 7}, Unreadable("refresh_token is not understood")),
        ({"access_token": None}, Unreadable("access_token is not understood")),
        ({"access_token": "a b"}, Unreadable("access_token is not understood")),
        ({"access_token": "a\r\nX-Evil: 1"}, Unreadable("access_token is not understood")),
        ({"access_token": "x" * 4097}, Unreadable("access_token is not understood")),
        ({"expires_in": "3599"}, Unreadable("expires_in is not understood")),
        ({"expires_in": 0}, Unreadable("expires_in is not understood")),
        ({"expires_in": True}, Unreadable("expires_in is not understood")),
        ({"expires_in": 10**12}, Unreadable("expires_in is not understood")),
        ({"token_type": "mac"}, Unreadable("scope or token_type is not understood")),
        ({"scope": ["payments"]}, Unreadable("scope or token_type is not understood")),
    ],
)
def test_a_refresh_brings_a_new_refresh_token_or_keeps_the_old(
    change: dict[str, object], expected: TokenAnswer
) -> None:
    assert sumup_oauth.parse_refresh(answer(200, GRANTED | change), "rt-1") == expected


def test_a_consent_without_a_refresh_token_is_not_understood() -> None:
    assert sumup_oauth.parse_token(answer(200, GRANTED)) == TOKENS
    without = answer(200, GRANTED | {"refresh_token": None})
    assert sumup_oauth.parse_token(without) == Unreadable("refresh_token is not understood")


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (400, {"error": "invalid_grant"}, Dead("invalid_grant")),
        (400, {"error": "invalid_grant", "error_description": "It is used"}, Dead("It is used")),
        (401, {"error_code": "invalid_grant", "message": "No"}, Dead("No")),
        (400, {"error": "invalid_request"}, Unreadable("status 400")),
        (401, {"error": "invalid_client"}, Unreadable("not authorised")),
        (403, {"error_message": "no", "error_code": "F"}, Unreadable("not authorised: no")),
        (500, {"error": "invalid_grant"}, Unreadable("status 500")),
        (429, {}, Unreadable("status 429", 4)),
        (502, b"<html>", Unreadable("status 502, the body is no JSON", 4)),
        (200, b"[]", Unreadable("status 200, the body is no JSON object", 4)),
        (302, GRANTED, Unreadable("status 302")),
    ],
)
def test_only_an_invalid_grant_is_the_end(
    status: int, content: object, expected: TokenAnswer
) -> None:
    headers = {} if getattr(expected, "retry_after_s", None) is None else {"retry-after": "4"}
    said = answer(status, content, headers)
    assert sumup_oauth.parse_refresh(said, "rt-1") == expected
    assert sumup_oauth.parse_token(said) == expected


def member(**resource: object) -> dict[str, Any]:
    shop = {"id": "M2DDT39A", "type": "merchant", "name": "The Shop"} | resource
    return {"status": "accepted", "resource": shop}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"items": [member()]}, (Membership("M2DDT39A", "The Shop"),)),
        ({"items": [member(name=None)]}, (Membership("M2DDT39A", "M2DDT39A"),)),
        ({"items": []}, ()),
        ({"items": [member(type="organization"), member() | {"status": "pending"}]}, ()),
        ({"items": [{"status": "accepted"}]}, ()),
        ({"items": [member(id=None)]}, Unreadable("id is not understood")),
        ({"items": ["x"]}, Unreadable("items is not understood")),
        ({}, Unreadable("items is not understood")),
        ([], Unreadable("status 200, the body is no JSON object")),
    ],
)
def test_memberships_name_the_accounts_that_were_accepted(
    content: object, expected: object
) -> None:
    assert sumup_oauth.parse_memberships(answer(200, content)) == expected


MERCHANT = {"merchant_code": "M1", "default_currency": "EUR", "country": "DE"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MERCHANT, MerchantFacts("M1", is_live=True, currency="EUR")),
        (MERCHANT | {"sandbox": False}, MerchantFacts("M1", is_live=True, currency="EUR")),
        (MERCHANT | {"default_currency": "HUF"}, MerchantFacts("M1", is_live=True, currency="HUF")),
        (MERCHANT | {"sandbox": True}, MerchantFacts("M1", is_live=False, currency="EUR")),
        (
            MERCHANT | {"sandbox": "no"},
            Unreadable("sandbox or default_currency is not understood"),
        ),
        (
            MERCHANT | {"default_currency": "euro"},
            Unreadable("sandbox or default_currency is not understood"),
        ),
        (MERCHANT | {"merchant_code": None}, Unreadable("merchant_code is not understood")),
        (b"", Unreadable("status 200, the body is no JSON")),
    ],
)
def test_an_account_says_whether_it_is_real(content: object, expected: object) -> None:
    assert sumup_oauth.parse_merchant(answer(200, content)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, Unreadable("not authorised")),
        (404, Unreadable("status 404")),
        (500, Unreadable("status 500")),
    ],
)
def test_an_account_that_cannot_be_read_is_not_guessed(status: int, expected: Unreadable) -> None:
    assert sumup_oauth.parse_merchant(answer(status, MERCHANT)) == expected
    assert sumup_oauth.parse_memberships(answer(status, {"items": []})) == expected


@pytest.fixture
def fake() -> FakeSumUp:
    return FakeSumUp()


@pytest.fixture
def shop(fake: FakeSumUp) -> Iterator[Shop]:
    with sumup_shop(fake) as shop:
        yield shop


def application(fake: FakeSumUp) -> Application:
    return Application(fake.client_id, fake.client_secret, fake.redirect_uri, fake.url)


def consented(fake: FakeSumUp) -> Tokens:
    """Agree in a browser's place and return the first tokens."""
    app = application(fake)
    page = sumup_oauth.authorize_url(app, "st4te")
    assert b'value="allow"' in look(page).body
    back = press(page, "allow").headers["location"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    tokens = sumup_oauth.parse_token(
        http.send(sumup_oauth.build_token(app, code), timeout_s=TIMEOUT_S)
    )
    assert isinstance(tokens, Tokens), tokens
    return tokens


def refreshed(fake: FakeSumUp, refresh_token: str) -> TokenAnswer:
    request = sumup_oauth.build_refresh(application(fake), refresh_token)
    return sumup_oauth.parse_refresh(http.send(request, timeout_s=TIMEOUT_S), refresh_token)


def with_token(shop: Shop, token: str) -> Connection:
    access = Access(shop.access.account, is_live=False, base_url=shop.access.base_url,
                    secrets={"api_key": token})  # fmt: skip
    return Connection(sumup, access)


def test_a_consent_leads_to_a_checkout(fake: FakeSumUp, shop: Shop) -> None:
    tokens = consented(fake)
    assert tokens.scopes == set(sumup_oauth.SCOPES)
    connection = with_token(shop, tokens.access_token)
    request = sumup_oauth.build_memberships(connection.access)
    told = sumup_oauth.parse_memberships(http.send(request, timeout_s=TIMEOUT_S))
    assert told == (Membership(fake.merchant_code, "Sample Shop"),)
    request = sumup_oauth.build_merchant(connection.access)
    facts = sumup_oauth.parse_merchant(http.send(request, timeout_s=TIMEOUT_S))
    assert facts == MerchantFacts(fake.merchant_code, is_live=False, currency="EUR")
    assert isinstance(connection.create(shop.request(), timeout_s=TIMEOUT_S), Created)


def test_a_used_refresh_token_is_dead_and_the_new_one_lives(fake: FakeSumUp, shop: Shop) -> None:
    first = consented(fake)
    second = refreshed(fake, first.refresh_token)
    assert isinstance(second, Tokens)
    assert second.refresh_token != first.refresh_token
    assert refreshed(fake, first.refresh_token) == Dead("The refresh token is invalid")
    assert isinstance(refreshed(fake, second.refresh_token), Tokens)


def test_where_tokens_do_not_rotate_the_old_one_is_kept(fake: FakeSumUp, shop: Shop) -> None:
    fake.rotates = False
    first = consented(fake)
    second = refreshed(fake, first.refresh_token)
    assert isinstance(second, Tokens)
    assert second.refresh_token == first.refresh_token
    assert second.access_token != first.access_token


def test_a_code_works_once(fake: FakeSumUp, shop: Shop) -> None:
    code = parse_qs(urlsplit(fake.agree()).query)["code"][0]
    request = sumup_oauth.build_token(application(fake), code)
    answers = [http.send(request, timeout_s=TIMEOUT_S) for _ in range(2)]
    assert isinstance(sumup_oauth.parse_token(answers[0]), Tokens)
    assert sumup_oauth.parse_token(answers[1]) == Dead("The code is expired or used")


def test_an_organiser_who_says_no_sends_no_code(fake: FakeSumUp, shop: Shop) -> None:
    page = sumup_oauth.authorize_url(application(fake), "st4te")
    query = parse_qs(urlsplit(press(page, "deny").headers["location"]).query)
    assert query["error"] == ["access_denied"]
    assert "code" not in query


def test_a_revoked_consent_ends_everything(fake: FakeSumUp, shop: Shop) -> None:
    tokens = consented(fake)
    fake.revoke()
    connection = with_token(shop, tokens.access_token)
    assert connection.create(shop.request(), timeout_s=TIMEOUT_S) == Refused(
        "not authorised", is_unauthorised=True
    )
    assert isinstance(refreshed(fake, tokens.refresh_token), Dead)


def test_an_access_token_ends_within_the_hour(fake: FakeSumUp, shop: Shop) -> None:
    code = parse_qs(urlsplit(fake.agree()).query)["code"][0]
    request = sumup_oauth.build_token(application(fake), code)
    tokens = sumup_oauth.parse_token(http.send(request, timeout_s=TIMEOUT_S))
    assert isinstance(tokens, Tokens)
    (name,) = fake._access
    left = fake._access[name].until - clock.now()
    assert timedelta(seconds=tokens.expires_in_s - 60) < left <= timedelta(hours=1)


def test_without_the_payments_scope_nothing_is_sold(fake: FakeSumUp, shop: Shop) -> None:
    fake.scopes = frozenset({"transactions.history", "user.profile_readonly"})
    tokens = consented(fake)
    assert "payments" not in tokens.scopes
    made = with_token(shop, tokens.access_token).create(shop.request(), timeout_s=TIMEOUT_S)
    assert made == Refused("not authorised: request_not_allowed")


def test_a_lost_refresh_is_not_the_end_but_its_token_is(fake: FakeSumUp, shop: Shop) -> None:
    tokens = consented(fake)
    fake.misbehave("token", "crashed")
    assert refreshed(fake, tokens.refresh_token) == Unreadable("status 500")
    # Why a refresh must be written down, and why it may not be repeated without a look.
    assert isinstance(refreshed(fake, tokens.refresh_token), Dead)
