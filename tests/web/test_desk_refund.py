"""Money sent back from the desk: asked on a page of its own, once however often it is pressed."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.domain.situations import snapshot
from tests.factories import Factories, everything, fresh, paid
from tests.pages import Pages, soup, words
from tests.web.desk import desk_of, send
from webapp.core import references
from webapp.core.money import Money
from webapp.core.states import RefundState
from webapp.domain.payments import accounts, audit, settlement
from webapp.models import Capture, Refund


@pytest.fixture
def desk(rows: Flask, make: Factories) -> Pages:
    """The shop's owner, signed in."""
    return desk_of(rows, make)


def bought(make: Factories, **order: Any) -> Capture:
    attempt = make.pending(**order)
    settlement.apply(attempt.reference, paid(attempt), actor="test")
    return everything(Capture)[-1]


def path(capture: Capture) -> str:
    return f"/desk/links/{capture.link.reference}"


def form_of(desk: Pages, capture: Capture) -> dict[str, str]:
    """Open the form by the button on the link's page; return what it is filled with."""
    (button,) = soup(desk.get(path(capture))).select("a[id^=back-]")
    page = soup(desk.get(str(button["href"])))
    return {
        str(field["name"]): str(field.get("value", ""))
        for field in page.select("form input")
        if field["name"] != "csrf_token"
    }


def post(desk: Pages, capture: Capture, **fields: str) -> TestResponse:
    return send(desk, f"{path(capture)}/refund", **fields)


def test_the_form_says_what_is_left_and_what_will_happen(make: Factories, desk: Pages) -> None:
    capture = bought(make, buyer_name="Ada")
    form = form_of(desk, capture)
    assert (form["amount"], form["reason"]) == ("25.00", "")
    assert form["payment"] == capture.payment_reference
    query = {"payment": capture.payment_reference}
    answer = desk.client.get(f"{path(capture)}/refund", query_string=query)
    said = words(answer)
    for expected in ("Send money back", "€25.00", "Ada", "ada@example.org", "shows no tickets"):
        assert expected in said
    assert everything(Refund) == [], "to ask is not to do"


def test_money_is_sent_back_and_the_page_says_how_it_stands(make: Factories, desk: Pages) -> None:
    capture = bought(make)
    form = form_of(desk, capture)
    answer = post(desk, capture, **form | {"amount": "5,50", "reason": "the hall was cold"})
    assert (answer.status_code, answer.location) == (303, path(capture))
    (refund,) = everything(Refund)
    assert (refund.money, refund.reason) == (Money(550, "EUR"), "the hall was cold")
    assert refund.requested_by.startswith("user:")
    assert refund.reference == form["refund"]
    page = desk.get(path(capture))
    assert not soup(page).select("a[id^=back-]"), "one is under way"
    assert "€5.50 back" in words(page)
    assert "Being sent back" in words(page)
    assert "Somebody wants money sent back: €5.50: the hall was cold" in words(page)
    for state, badge in {
        RefundState.ACCEPTED: "On its way back",
        RefundState.UNKNOWN: "Uncertain",
        RefundState.FAILED: "Refund failed",
        RefundState.DONE: "Sent back",
    }.items():
        make.change(refund, state=state)
        assert badge in words(desk.get(f"{path(capture)}/panel"))
    assert form_of(desk, capture)["amount"] == "19.50"


def test_pressed_twice_it_makes_one_refund(make: Factories, desk: Pages) -> None:
    capture = bought(make)
    fields = form_of(desk, capture) | {"amount": "5", "reason": "no"}
    assert post(desk, capture, **fields).status_code == 303
    make.change(everything(Refund)[0], state=RefundState.DONE)
    before = snapshot()
    assert post(desk, capture, **fields).status_code == 303
    assert snapshot() == before
    answer = post(desk, capture, **fields | {"amount": "6"})
    assert answer.status_code == 409
    assert "has asked for €5.00 already" in words(answer)
    assert snapshot() == before


def test_while_one_is_under_way_another_form_is_refused_in_words(
    make: Factories, desk: Pages
) -> None:
    capture = bought(make)
    first, second = (form_of(desk, capture) | {"amount": "5", "reason": "no"} for _ in range(2))
    post(desk, capture, **first)
    answer = post(desk, capture, **second)
    assert answer.status_code == 409
    assert "A refund of this payment is under way: wait for its end." in words(answer)
    assert len(everything(Refund)) == 1
    assert audit.run().is_clean


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("amount", "", "must be a number"),
        ("amount", "0", "must be above zero"),
        ("amount", "-5", "must be above zero"),
        ("amount", "25.01", "must be at most 25.00"),
        ("amount", "1,000", "nothing between thousands"),
        ("amount", "5.001", "at most 2 decimals"),
        ("reason", "", "must not be empty"),
        ("reason", "two\nlines", "one line"),
        ("reason", "x" * 201, "at most 200"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    make: Factories, desk: Pages, field: str, value: str, says: str
) -> None:
    capture = bought(make)
    fields = form_of(desk, capture) | {"reason": "no", field: value}
    before = snapshot()
    answer = post(desk, capture, **fields)
    assert answer.status_code == 422
    error = soup(answer).select_one(f"#{field}-error")
    assert error is not None
    assert says in error.get_text().lower()
    hidden = soup(answer).select_one("input[name=refund]")
    assert hidden is not None
    assert hidden["value"] == fields["refund"], "it is still the same form"
    assert snapshot() == before


@pytest.mark.parametrize("name", ["", "no-ref", "ref-1", "\0", "x" * 10_000])
def test_a_damaged_form_sends_nothing_back(make: Factories, desk: Pages, name: str) -> None:
    capture = bought(make)
    fields = form_of(desk, capture) | {"reason": "no", "refund": name}
    assert post(desk, capture, **fields).status_code == 422
    assert everything(Refund) == []


def test_another_orders_payment_is_not_there(make: Factories, desk: Pages) -> None:
    capture, other = bought(make), bought(make)
    theirs = bought(Factories())
    fields = form_of(desk, capture) | {"reason": "no"}
    before = snapshot()
    for name in (other.payment_reference, theirs.payment_reference, "nobody", "\0"):
        query = {"payment": name}
        assert desk.client.get(f"{path(capture)}/refund", query_string=query).status_code == 404
        assert post(desk, capture, **fields | {"payment": name}).status_code == 404
    assert post(desk, theirs, **fields).status_code == 404
    assert snapshot() == before


def test_nobody_is_offered_what_the_provider_does_not_do(make: Factories, desk: Pages) -> None:
    capture = bought(make)
    fields = form_of(desk, capture) | {"reason": "no"}
    make.change(accounts.active(make.shop), provider="billing")
    assert not soup(desk.get(path(capture))).select("a[id^=back-]")
    query = {"payment": capture.payment_reference}
    asked = desk.client.get(f"{path(capture)}/refund", query_string=query)
    assert asked.status_code == 303
    answer = post(desk, capture, **fields)
    assert answer.status_code == 409
    assert "do it there, and note the reason" in words(answer)
    assert everything(Refund) == []


def test_a_currency_without_decimals_is_typed_without_them(make: Factories, desk: Pages) -> None:
    capture = bought(make, money=Money(2500, "JPY"))
    fields = form_of(desk, capture)
    assert fields["amount"] == "2500"
    assert post(desk, capture, **fields | {"amount": "25.5", "reason": "no"}).status_code == 422
    assert post(desk, capture, **fields | {"amount": "1000", "reason": "no"}).status_code == 303
    assert fresh(everything(Refund)[0]).money == Money(1000, "JPY")


def test_a_form_that_names_another_orders_refund_makes_nothing(
    make: Factories, desk: Pages
) -> None:
    capture, other = bought(make), bought(make)
    used = form_of(desk, other) | {"reason": "no"}
    post(desk, other, **used)
    fields = form_of(desk, capture) | {"reason": "no", "refund": used["refund"]}
    assert post(desk, capture, **fields).status_code == 404
    assert len(everything(Refund)) == 1
    assert references.refund_reference() != used["refund"]
