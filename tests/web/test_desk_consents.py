"""A merchant's way to SumUp and back: begun here, agreed there, and good once."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.conftest import Configure
from tests.domain.at_sumup import AtSumUp, sumup_of
from tests.factories import Factories, everything
from tests.fakes.shops import TIMEOUT_S
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send
from webapp.domain.payments import consents, credentials
from webapp.models import ProviderAccount
from webapp.providers import http
from webapp.providers.base import HttpRequest


@pytest.fixture
def at_sumup(make: Factories, configure: Configure) -> Iterator[AtSumUp]:
    with sumup_of(make, configure) as at_sumup:
        yield at_sumup


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    return desk_of(rows, make)


def sumups() -> list[ProviderAccount]:
    return [one for one in everything(ProviderAccount) if one.provider == "sumup"]


def way_there(desk: Pages) -> str:
    answer = send(desk, "/desk/account/sumup/authorise")
    assert answer.status_code == 303
    return answer.headers["location"]


def way_back(desk: Pages, do: str = "allow") -> str:
    """Begin here, press a button at SumUp, and return where the browser comes back to."""
    there = way_there(desk)
    form = urlencode({"do": do, "state": parse_qs(urlsplit(there).query)["state"][0]}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    pressed = http.send(HttpRequest("POST", there, kind, form), timeout_s=TIMEOUT_S)
    back = urlsplit(pressed.headers["location"])
    assert back.path == consents.CALLBACK
    return f"{back.path}?{back.query}"


def test_a_merchant_agrees_at_sumup_and_is_connected(desk: Pages, at_sumup: AtSumUp) -> None:
    page = desk.get("/desk/account")
    assert soup(page).select_one('form[action="/desk/account/sumup/authorise"]')
    there = way_there(desk)
    assert there.startswith(f"{at_sumup.fake.url}/authorize?")
    with capture_logs() as logs:
        answer = desk.get(way_back(desk))
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/account")
    (account,) = sumups()
    said = words(desk.get("/desk/account"))
    assert "MCTEST42" in said
    assert "by your consent at SumUp" in said
    secrets = credentials.unseal(account.credentials)
    shown = desk.get("/desk/account").get_data(as_text=True) + str(logs) + str(account.options)
    assert not any(secret in shown for secret in secrets.values())
    assert [log["event"] for log in logs if "consent" in log["event"]] == ["account_consented"]


def test_a_way_back_is_good_once(desk: Pages, at_sumup: AtSumUp) -> None:
    back = way_back(desk)
    assert desk.get(back).status_code == 303
    before = sumups()[0].credentials
    calls = at_sumup.fake.token_calls
    again = desk.get(back)
    assert again.status_code == 400
    assert "used already" in words(again)
    assert at_sumup.fake.token_calls == calls
    assert sumups()[0].credentials == before


def test_a_way_that_was_begun_elsewhere_leads_nowhere(
    desk: Pages, at_sumup: AtSumUp, rows: Flask, make: Factories
) -> None:
    stranger = desk_of(rows, make, make.merchant())
    others = way_back(stranger)
    way_there(desk)
    state = parse_qs(urlsplit(others).query)["state"][0]
    forged = urlencode({"code": at_sumup.code(), "state": f"{state}x"})
    for path in (others, f"{consents.CALLBACK}?{forged}", consents.CALLBACK,
                 f"{consents.CALLBACK}?code=x&state=%00"):  # fmt: skip
        assert desk.get(path).status_code == 400, path
    assert sumups() == []
    assert stranger.get(others).status_code == 303, "and it is still good where it was begun"
    assert [one.merchant_id for one in sumups()] != [make.shop.id]


def test_a_way_back_that_took_too_long_leads_nowhere(desk: Pages, at_sumup: AtSumUp) -> None:
    back = way_back(desk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consents, "LASTS_S", -1)
        assert desk.get(back).status_code == 400
    assert sumups() == []


def test_a_merchant_who_does_not_agree_changes_nothing(desk: Pages, at_sumup: AtSumUp) -> None:
    answer = desk.get(way_back(desk, "deny"))
    assert answer.status_code == 409
    assert "You did not agree" in words(answer)
    assert sumups() == []


def test_a_sumup_that_cannot_be_read_is_said(desk: Pages, at_sumup: AtSumUp) -> None:
    back = way_back(desk)
    at_sumup.fake.misbehave("token", "unavailable")
    answer = desk.get(back)
    assert answer.status_code == 502
    assert "The account was not connected" in words(answer)
    assert sumups() == []


def test_of_several_accounts_one_is_chosen_on_a_page(desk: Pages, at_sumup: AtSumUp) -> None:
    at_sumup.fake.also = {"MCSECOND": "Second Shop"}
    answer = desk.get(way_back(desk))
    assert answer.headers["location"] == "/desk/account/sumup/choose"
    page = desk.get("/desk/account/sumup/choose")
    codes = [str(box["value"]) for box in soup(page).select("input[type=radio]")]
    assert codes == ["MCTEST42", "MCSECOND"]
    assert desk.post("/desk/account/sumup/choose").status_code == 422
    nobodys = desk.post("/desk/account/sumup/choose", merchant_code="MCNOBODY")
    assert nobodys.status_code == 502
    assert sumups() == []
    done = desk.post("/desk/account/sumup/choose", merchant_code="MCSECOND")
    assert done.status_code == 303
    assert [one.external_account for one in sumups()] == ["MCSECOND"]
    assert desk.get("/desk/account/sumup/choose").status_code == 409
    assert send(desk, "/desk/account/sumup/choose", merchant_code="MCTEST42").status_code == 502


def test_where_sumup_does_not_know_us_there_is_no_such_button(desk: Pages) -> None:
    page = desk.get("/desk/account")
    assert "sumup/authorise" not in page.get_data(as_text=True)
    refused = send(desk, "/desk/account/sumup/authorise")
    assert refused.status_code == 409
    assert "Enter an API key" in words(refused) or "enter an API key" in words(refused)
