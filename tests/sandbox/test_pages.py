"""What a buyer sees at the bank."""

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from tests.sandbox.merchant import TIMEOUT_S, Merchant, look, press
from tests.sandbox.process import BankProcess
from webapp.providers import http
from webapp.providers.base import Created, HttpAnswer, HttpRequest

LABELS = {
    "pay": "Pay",
    "decline": "Decline",
    "wrong": "Pay the wrong amount",
    "late": "Pay late",
    "silent": "Say nothing",
    "twice": "Send the notice twice",
    "lose": "Lose the notice",
    "down": "Be down for two minutes",
}


def page_of(answer: HttpAnswer) -> BeautifulSoup:
    """Return a page that keeps the house rules: one heading, a title, no script, no style."""
    page = BeautifulSoup(answer.body, "html.parser")
    assert len(page.find_all("h1")) == 1
    assert page.title is not None
    assert "pretend" in page.title.text
    assert not page.find_all(["script", "style"])
    assert not page.find_all(style=True)
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    return page


def test_the_page_shows_what_is_to_be_paid(merchant: Merchant) -> None:
    url, handle = merchant.checkout(minor=123_450)
    text = page_of(look(url)).text
    for shown in ("The Shop", "€1,234.50", "Two tickets", handle.reference):
        assert shown in text


def test_each_button_says_what_it_will_do(merchant: Merchant) -> None:
    url, _ = merchant.checkout()
    page = page_of(look(url))
    buttons = page.find_all("button")
    assert {str(button["value"]): button.text for button in buttons} == LABELS
    for button in buttons:
        explanation = page.find(id=str(button["aria-describedby"]))
        assert explanation is not None
        assert len(explanation.text) > 20


def test_the_form_may_lead_back_to_the_shop_and_nowhere_else(merchant: Merchant) -> None:
    url, _ = merchant.checkout()
    policy = look(url).headers["content-security-policy"]
    assert "form-action 'self' http://127.0.0.1:9" in policy.split("; ")


def test_what_a_merchant_writes_is_shown_as_text(merchant: Merchant) -> None:
    name = "<b>Tom & Jerry's</b> \u202e ünïcode"
    request = replace(merchant.request(), merchant_name=name, description="{{ 7 * 7 }}<script>")
    made = merchant.connection.create(request, timeout_s=TIMEOUT_S)
    assert isinstance(made, Created)
    page = page_of(look(made.url))
    assert name in page.text
    assert "{{ 7 * 7 }}<script>" in page.text


@pytest.mark.parametrize(
    ("button", "status"), [("pay", "paid"), ("decline", "declined"), ("wrong", "paid")]
)
def test_an_ended_checkout_says_what_it_is_now(
    merchant: Merchant, button: str, status: str
) -> None:
    url, _ = merchant.checkout()
    press(url, button)
    for answer, code in ((look(url), 200), (press(url, "decline"), 409), (press(url, "late"), 409)):
        page = page_of(answer)
        assert answer.status == code
        assert f"This checkout is {status}" in page.text
        buttons = [button.text for button in page.find_all("button")]
        assert buttons == (["Send the money back"] if status == "paid" else [])
        assert page.find("a", href="http://127.0.0.1:9/back")


def test_a_closed_checkout_takes_no_money(merchant: Merchant) -> None:
    url, handle = merchant.checkout()
    assert handle.checkout_id is not None
    merchant.connection.close(handle.checkout_id, timeout_s=TIMEOUT_S)
    answer = press(url, "pay")
    assert answer.status == 409
    assert "This checkout is closed" in page_of(answer).text
    assert merchant.ledger() == []


@pytest.mark.parametrize("button", ["", "PAY", "refund"])
def test_an_unknown_button_changes_nothing(merchant: Merchant, button: str) -> None:
    url, _ = merchant.checkout()
    answer = press(url, button)
    assert answer.status == 422
    assert page_of(answer)
    assert press(url, "pay").status == 303


@pytest.mark.parametrize("path", ["/checkout/chk-unknown", "/", "/checkout/", "/nowhere"])
def test_an_unknown_page_is_a_404_page(bank: BankProcess, path: str) -> None:
    answer = look(f"{bank.url}{path}")
    assert answer.status == 404
    assert page_of(answer)


def test_a_button_of_an_unknown_checkout_is_a_404_page(bank: BankProcess) -> None:
    assert press(f"{bank.url}/checkout/chk-unknown", "pay").status == 404


def test_the_stylesheet_comes_from_the_bank(merchant: Merchant, bank: BankProcess) -> None:
    url, _ = merchant.checkout()
    [sheet] = page_of(look(url)).find_all("link", rel="stylesheet")
    answer = http.send(HttpRequest("GET", f"{bank.url}{sheet['href']}"), timeout_s=TIMEOUT_S)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
