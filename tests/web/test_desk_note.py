"""A refund that was made at the provider is noted at the desk, where it does none for us."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.domain.attending import be_paid
from tests.domain.situations import snapshot
from tests.factories import Factories, everything
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send
from webapp.core.money import Money
from webapp.core.states import RefundState
from webapp.domain.payments import accounts, audit
from webapp.models import PaymentAttempt, Refund


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def at_billing(make: Factories) -> PaymentAttempt:
    """Have an order paid whose money is at a provider that sends nothing back for us."""
    attempt = be_paid(make)
    make.change(accounts.active(make.shop), provider="billing")
    return attempt


def path(attempt: PaymentAttempt) -> str:
    return f"/desk/links/{attempt.link.reference}"


def form_of(desk: Pages, attempt: PaymentAttempt) -> dict[str, str]:
    """Open the form by the button on the link's page; return what it is filled with."""
    (button,) = soup(desk.get(path(attempt))).select("a[id^=noted-]")
    page = desk.get(str(button["href"]))
    assert "this form moves no money" in words(page)
    return {
        str(field["name"]): str(field.get("value", ""))
        for field in soup(page).select("form input")
        if field["name"] != "csrf_token"
    }


def post(desk: Pages, attempt: PaymentAttempt, **fields: str) -> TestResponse:
    return send(desk, f"{path(attempt)}/note", **fields)


def test_what_was_sent_back_is_noted_and_the_order_is_refunded(
    make: Factories, desk: Pages
) -> None:
    attempt = at_billing(make)
    form = form_of(desk, attempt)
    assert (form["amount"], form["reason"]) == ("25.00", "")
    assert everything(Refund) == [], "to ask is not to do"
    answer = post(desk, attempt, **form | {"amount": "5,50", "reason": "the hall was cold"})
    assert (answer.status_code, answer.location) == (303, path(attempt))
    (refund,) = everything(Refund)
    assert (refund.state, refund.money) == (RefundState.DONE, Money(550, "EUR"))
    assert refund.requested_by.startswith("user:")
    page = words(desk.get(path(attempt)))
    assert "by hand: the hall was cold" in page
    assert "Somebody notes that money was sent back at the provider: €5.50" in page
    assert form_of(desk, attempt)["amount"] == "19.50"
    post(desk, attempt, **form_of(desk, attempt) | {"reason": "the rest"})
    page_now = desk.get(path(attempt))
    assert not soup(page_now).select("a[id^=noted-]")
    assert attempt.link.state == "REFUNDED"
    assert audit.run().is_clean


def test_pressed_twice_it_is_noted_once(make: Factories, desk: Pages) -> None:
    attempt = at_billing(make)
    fields = form_of(desk, attempt) | {"amount": "5", "reason": "no"}
    assert post(desk, attempt, **fields).status_code == 303
    before = snapshot()
    assert post(desk, attempt, **fields).status_code == 303
    assert snapshot() == before


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("amount", "", "must be a number"),
        ("amount", "25.01", "must be at most 25.00"),
        ("reason", "", "must not be empty"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    make: Factories, desk: Pages, field: str, value: str, says: str
) -> None:
    attempt = at_billing(make)
    fields = form_of(desk, attempt) | {"reason": "no"}
    answer = post(desk, attempt, **fields | {field: value})
    assert answer.status_code == 422
    assert says in words(answer).lower()
    assert "It was sent back" in words(answer), "the same question again"
    assert everything(Refund) == []


def test_where_the_provider_sends_money_back_for_us_nothing_is_noted(
    make: Factories, desk: Pages
) -> None:
    attempt = at_billing(make)
    fields = form_of(desk, attempt) | {"reason": "no"}
    make.change(accounts.active(make.shop), provider="sandbox")
    assert not soup(desk.get(path(attempt))).select("a[id^=noted-]")
    asked = desk.client.get(f"{path(attempt)}/note", query_string={"payment": fields["payment"]})
    assert asked.location == path(attempt)
    answer = post(desk, attempt, **fields)
    assert answer.status_code == 409
    assert "ask for a refund instead" in words(answer)
    assert everything(Refund) == []
